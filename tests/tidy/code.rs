//! Rust text with some of it blanked out, byte for byte, so that every line keeps its number.

use std::collections::BTreeSet;
use std::ops::Range;

use super::tree::File;

/// What a stretch of Rust text is, when it is not code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Comment,
    Literal,
}

/// The code alone: no comments, no strings, no items that only tests see.
pub fn code(text: &str) -> String {
    let bare = blank(text, not_code(text).into_iter().map(|(_, span)| span));
    let tests = test_items(&bare);
    blank(&bare, tests)
}

/// How many lines hold code outside of tests. A line of a long string is one of them.
pub fn lines_of_code(text: &str) -> usize {
    let spans = not_code(text);
    let bare = blank(text, spans.iter().map(|(_, span)| span.clone()));
    let comments = spans.into_iter().filter(|(kind, _)| *kind == Kind::Comment);
    let silent = comments.map(|(_, span)| span).chain(test_items(&bare));
    blank(text, silent).lines().filter(|line| !line.trim().is_empty()).count()
}

/// The files of `framework/src` that only tests see, by their paths: those named `tests`, and those
/// that the module above declares under `#[cfg(test)]`.
pub fn test_files(files: &[File]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        if file.text.contains("#![cfg(test)]") || is_named_tests(&file.path) {
            found.insert(file.path.clone());
        }
        let bare = blank(&file.text, not_code(&file.text).into_iter().map(|(_, span)| span));
        for item in test_items(&bare) {
            if let Some(name) = declared(&bare[item]) {
                let folder = folder_below(&file.path);
                found.insert(format!("{folder}/{name}.rs"));
                found.insert(format!("{folder}/{name}/mod.rs"));
            }
        }
    }
    found
}

fn is_named_tests(path: &str) -> bool {
    path.starts_with("framework/src/")
        && (path.ends_with("/tests.rs") || path.contains("/tests/") || path.ends_with("_tests.rs"))
}

/// The name in `mod name;`.
fn declared(item: &str) -> Option<&str> {
    let (_, rest) = item.rsplit_once("mod ")?;
    rest.strip_suffix(';').map(str::trim)
}

/// Where the modules that a file declares have their files.
fn folder_below(path: &str) -> &str {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    ["/mod", "/lib", "/main"].iter().find_map(|face| stem.strip_suffix(face)).unwrap_or(stem)
}

fn blank(text: &str, spans: impl IntoIterator<Item = Range<usize>>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for byte in spans.into_iter().flatten() {
        if bytes[byte] != b'\n' {
            bytes[byte] = b' ';
        }
    }
    String::from_utf8(bytes).expect("a span begins and ends between characters")
}

/// The comments and literals of `text`, in order.
fn not_code(text: &str) -> Vec<(Kind, Range<usize>)> {
    let mut spans = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find(['/', '"', '\'']) {
        let start = at + next;
        at = match opened_at(text, start) {
            Some((kind, end)) => {
                spans.push((kind, start..end));
                end
            }
            None => start + 1,
        };
    }
    spans
}

/// The comment or literal that opens at `start`, and where it ends.
fn opened_at(text: &str, start: usize) -> Option<(Kind, usize)> {
    let rest = &text[start..];
    if rest.starts_with("//") {
        Some((Kind::Comment, start + rest.find('\n').unwrap_or(rest.len())))
    } else if rest.starts_with("/*") {
        Some((Kind::Comment, start + block_length(rest)))
    } else if rest.starts_with('"') {
        Some((Kind::Literal, start + string_length(&text[..start], rest)))
    } else {
        character_length(rest).map(|length| (Kind::Literal, start + length))
    }
}

/// Block comments nest.
fn block_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// What stands before the quote tells a raw string from a plain one.
fn string_length(before: &str, rest: &str) -> usize {
    let bare = before.trim_end_matches('#');
    let fence = &before[bare.len()..];
    if bare.ends_with('r') {
        let end = format!("\"{fence}");
        return rest[1..].find(&end).map_or(rest.len(), |at| 1 + at + end.len());
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// `None` for a lifetime, which opens nothing.
fn character_length(rest: &str) -> Option<usize> {
    if rest.starts_with(r"'\") {
        let end = rest.get(3..)?.find('\'')?;
        return Some(3 + end + 1);
    }
    let inner = rest.chars().nth(1).filter(|c| *c != '\'')?;
    let end = 1 + inner.len_utf8();
    rest[end..].starts_with('\'').then_some(end + 1)
}

/// The items that stand under `#[cfg(test)]`, in text without comments and literals.
fn test_items(bare: &str) -> Vec<Range<usize>> {
    ["#[cfg(test)]", "#[cfg(all(test,"]
        .iter()
        .flat_map(|mark| bare.match_indices(mark))
        .map(|(start, _)| start..start + item_length(&bare[start..]))
        .collect()
}

/// An item ends at its first `;` or `,` outside of brackets, or at the brace that closes its body.
fn item_length(item: &str) -> usize {
    let mut depth = 0_i32;
    let mut before = ' ';
    for (at, c) in item.char_indices() {
        match c {
            ';' | ',' if depth == 0 => return at + 1,
            '{' if depth == 0 => return at + body_length(&item[at..]),
            '(' | '[' | '<' => depth += 1,
            '>' if before == '-' || before == '=' => {}
            ')' | ']' | '>' => depth -= 1,
            _ => {}
        }
        before = c;
    }
    item.len()
}

fn body_length(body: &str) -> usize {
    let mut depth = 0;
    for (at, c) in body.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    body.len()
}

#[test]
fn comments_and_strings_are_not_code() {
    let text = r##"a /* b /* c */ d */ "e\"f" g '"' h<'i> r#"j"k"# '\'' l // m"##;
    let words: Vec<String> = code(text).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["a", "g", "h<'i>", "r#", "l"]);
}

#[test]
fn what_only_tests_see_is_not_code() {
    let text = "#[cfg(test)]\nmod tests;\nuse a;\n#[cfg(test)]\nimpl<A, B> C {\n  {}\n}\nuse b;\n";
    assert_eq!(code(text).split_whitespace().collect::<String>(), "usea;useb;");
    assert_eq!(lines_of_code(text), 2);
    let text = "#[cfg(all(test, unix))]\nfn a(b: (C, D)) -> E {}\nuse f;";
    assert_eq!(code(text).trim(), "use f;");
}

#[test]
fn a_line_of_a_string_counts_and_a_comment_does_not() {
    assert_eq!(lines_of_code("//! a\n\n/* b\n*/ let c = \"d\n// e\n\";\n"), 3);
}

#[test]
fn a_module_declared_for_tests_is_a_test_file() {
    let parent = File::new("framework/src/saga/mod.rs", "#[cfg(test)]\nmod laws;\nmod plan;\n");
    let found = test_files(&[parent, File::new("framework/src/saga/plan/tests.rs", "")]);
    assert!(found.contains("framework/src/saga/laws.rs"));
    assert!(found.contains("framework/src/saga/plan/tests.rs"));
    assert!(!found.contains("framework/src/saga/plan.rs"));
}
