//! Mutations of real examples, the same from the same seed. libFuzzer sees which code an input reaches
//! and this does not; but this needs no other compiler, so it is run with every test.

/// Words that both engines put in, in the form of libFuzzer's dictionaries.
const WORDS: &str = include_str!("../words.dict");

/// A small generator of numbers (xorshift64*, Vigna 2016).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// A generator that this seed begins.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `most`, which is not 0.
    pub fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let thrown = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(thrown).unwrap_or(0) % most
    }

    /// One of these, of which there is at least one.
    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Makes inputs of examples.
#[derive(Debug)]
pub struct Mutator {
    dice: Dice,
    examples: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Mutator {
    /// Begins with these examples, of which there is at least one.
    #[must_use]
    pub fn new(seed: u64, examples: Vec<Vec<u8>>) -> Self {
        Self { dice: Dice::new(seed), examples, words: words(WORDS) }
    }

    /// The next input: an example that was changed in one to four places.
    #[must_use]
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut bytes = self.dice.of(&self.examples).clone();
        for _ in 0..=self.dice.below(4) {
            self.change(&mut bytes);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let dice = &mut self.dice;
        let at = dice.below(bytes.len() + 1);
        let range = at..(at + dice.below(24)).min(bytes.len()).max(at);
        match dice.below(9) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(range)),
            2 => repeat(bytes, range, 1 + dice.below(40)),
            3 => {
                let other = dice.of(&self.examples);
                let from = dice.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            4 => {
                let word = dice.of(&self.words).clone();
                bytes.splice(at..at, word);
            }
            5 | 6 => {
                let word = dice.of(&self.words).clone();
                let range = token(bytes, at);
                bytes.splice(range, word);
            }
            7 => swap(bytes, dice),
            _ if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            _ => bytes.push(b'\n'),
        }
    }
}

fn repeat(bytes: &mut Vec<u8>, range: std::ops::Range<usize>, times: usize) {
    let (at, part) = (range.end, bytes[range].repeat(times));
    bytes.splice(at..at, part);
}

/// A number or a word as JSON and headers have them, around a place.
fn token(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let before = bytes[..at].iter().rev().take_while(|byte| is_part(byte)).count();
    let after = bytes[at..].iter().take_while(|byte| is_part(byte)).count();
    at - before..at + after
}

/// Changes the places of two words.
fn swap(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let (one, other) = (dice.below(bytes.len() + 1), dice.below(bytes.len() + 1));
    let (one, other) = (token(bytes, one.min(other)), token(bytes, one.max(other)));
    if one.end <= other.start {
        let (first, second) = (bytes[one.clone()].to_vec(), bytes[other.clone()].to_vec());
        bytes.splice(other, first);
        bytes.splice(one, second);
    }
}

/// Reads a dictionary: a line is a word in quotes, or a comment.
fn words(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    lines.map(unescaped).collect()
}

fn unescaped(line: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), line);
    while let Some(first) = rest.chars().next() {
        let hex = rest.strip_prefix("\\x").and_then(|hex| hex.get(..2));
        let (byte, length) = match (hex.map(|hex| u8::from_str_radix(hex, 16)), first) {
            (Some(Ok(byte)), _) => (byte, 4),
            (_, '\\') => (rest.as_bytes().get(1).copied().unwrap_or(b'\\'), 2),
            _ => {
                bytes.extend(first.to_string().bytes());
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        bytes.push(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{Mutator, words};

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let made = |seed| {
            let mut mutator = Mutator::new(seed, vec![b"{\"a\":1}".to_vec(), b"".to_vec()]);
            (0..1_000).map(|_| mutator.next_input()).collect::<Vec<_>>()
        };
        assert_eq!(made(7), made(7));
        assert_ne!(made(7), made(8));
    }

    #[test]
    fn a_dictionary_is_read_as_libfuzzer_reads_it() {
        let text = "# no word\n\"a\\\"b\"\n\"\\x00\\xff\"\n\"\\\\n\"\n\"\u{e9}\"\n";
        assert_eq!(words(text), [&b"a\"b"[..], b"\0\xff", b"\\n", "\u{e9}".as_bytes()]);
    }
}
