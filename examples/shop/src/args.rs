//! A command line, option by option: `--seed 3`, `--seed=3`, `--json`.

use std::fmt;
use std::str::FromStr;

/// The words of a command line.
pub struct Args<I> {
    words: I,
    /// The option that was read last, and what stood behind its `=`.
    last: (String, Option<String>),
}

impl<I> fmt::Debug for Args<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "behind `{}`", self.last.0)
    }
}

impl<I: Iterator<Item = String>> Args<I> {
    /// Before the first option.
    pub fn new(words: impl IntoIterator<IntoIter = I>) -> Self {
        Self { words: words.into_iter(), last: (String::new(), None) }
    }

    /// The next option, if there is one.
    pub fn option(&mut self) -> Option<String> {
        let word = self.words.next()?;
        self.last = match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        Some(self.last.0.clone())
    }

    /// The value of the option that was read last.
    ///
    /// # Errors
    ///
    /// A sentence that says that there is none.
    pub fn value(&mut self) -> Result<String, String> {
        let (option, inline) = &mut self.last;
        let value = inline.take().or_else(|| self.words.next()).filter(|value| !value.is_empty());
        value.ok_or_else(|| format!("`{option}` needs a value"))
    }

    /// The same if it is a whole number.
    ///
    /// # Errors
    ///
    /// A sentence that says that it is none.
    pub fn number<T: FromStr>(&mut self) -> Result<T, String> {
        let (value, option) = (self.value()?, &self.last.0);
        value.parse().map_err(|_| format!("`{option}` takes a whole number, and `{value}` is none"))
    }

    /// The sentence about the option that was read last, if nobody knows it.
    #[must_use]
    pub fn unknown(&self) -> String {
        format!("there is no option `{}`; `--help` lists them", self.last.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    #[test]
    fn options_and_their_values_are_read_in_either_form() {
        let mut args = Args::new("--a 1 --b=2 --c= --d x".split(' ').map(str::to_owned));
        assert_eq!((args.option().as_deref(), args.number()), (Some("--a"), Ok(1)));
        assert_eq!((args.option().as_deref(), args.value()), (Some("--b"), Ok("2".to_owned())));
        assert_eq!(args.option().as_deref(), Some("--c"));
        assert_eq!(args.value(), Err("`--c` needs a value".to_owned()));
        assert_eq!(args.option().as_deref(), Some("--d"));
        let told = "`--d` takes a whole number, and `x` is none";
        assert_eq!(args.number::<u32>(), Err(told.to_owned()));
        assert_eq!(args.unknown(), "there is no option `--d`; `--help` lists them");
        assert_eq!(args.option(), None);
    }
}
