//! What the docs must keep, rule by rule.

use super::pages::{anchors, pages, prose, quotes, resolved, targets, ticked};
use crate::tidy::tree::{File, Offence, says, told};
use std::collections::BTreeSet;

/// Every `path.rs::test` of a page that is no test.
pub fn unknown_tests(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for page in pages(files) {
        for (number, line) in prose(page) {
            for said in ticked(line) {
                let Some((path, name)) = said.split_once(".rs::") else { continue };
                let path = format!("{path}.rs");
                if path.contains('/') && !is_test(files, &path, name) {
                    let advice = format!("`{path}` has no test `{name}`: name one that is there");
                    offences.push(page.offence(number, advice));
                }
            }
        }
    }
    offences
}

/// Whether a file has this test: by its own mark, or because a suite makes a test of it.
fn is_test(files: &[File], path: &str, name: &str) -> bool {
    let Some(file) = files.iter().find(|file| file.path == path) else { return false };
    if listed(&file.text).any(|scenario| scenario == name) {
        return true;
    }
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let is_item = |line: &str| {
        ["fn ", "async fn "].iter().any(|start| {
            let bare = line.strip_prefix("pub ").unwrap_or(line);
            let rest = bare.strip_prefix(start).and_then(|rest| rest.strip_prefix(name));
            rest.is_some_and(|rest| rest.starts_with(['(', '<']))
        })
    };
    let Some(at) = lines.iter().position(|line| is_item(line)) else { return false };
    let marks = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
    marks.into_iter().any(|mark| mark.contains("test")) || in_suite(files, path, name)
}

/// The scenarios of a file, each of which becomes a test of its name for every cast.
pub fn listed(text: &str) -> impl Iterator<Item = &str> {
    let lists = ["\nscenarios! {\n", "\nevery_moment! {\n"];
    let found = lists.into_iter().filter_map(|list| text.split_once(list));
    found.flat_map(|(_, after)| after.split('}').next().unwrap_or_default().split_whitespace())
}

/// Whether `mod.rs` or `lib.rs` of the same folder lists the function in a suite.
fn in_suite(files: &[File], path: &str, name: &str) -> bool {
    let Some((folder, module)) = path.rsplit_once('/') else { return false };
    let entry = format!("{}::{name},", module.trim_end_matches(".rs"));
    let entries = ["mod.rs", "lib.rs"].map(|name| format!("{folder}/{name}"));
    let mut suites = files.iter().filter(|file| entries.contains(&file.path));
    suites.any(|suite| suite.text.lines().any(|line| line.trim() == entry))
}

/// Every quote that does not stand in its source, line for line. How far it is indented does not count.
pub fn misquoted(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for page in pages(files) {
        for quote in quotes(page) {
            let source = files.iter().find(|file| file.path == quote.from);
            if !source.is_some_and(|source| stands_in(&quote.lines, &source.text)) {
                let advice = format!("this does not stand in `{}`: copy it again", quote.from);
                offences.push(page.offence(quote.line, advice));
            }
        }
    }
    offences
}

fn stands_in(quote: &[&str], source: &str) -> bool {
    let source: Vec<&str> = source.lines().collect();
    !quote.is_empty() && source.windows(quote.len()).any(|there| is_same(quote, there))
}

/// Whether two pieces are the same but for an indentation that all lines of one have more.
fn is_same(quote: &[&str], there: &[&str]) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(more) = indent(there[0]).checked_sub(indent(quote[0])) else { return false };
    quote.iter().zip(there).all(|(quoted, there)| {
        quoted.trim() == there.trim()
            && (quoted.trim().is_empty() || indent(there) == indent(quoted) + more)
    })
}

/// Every relative link to a page, a folder or a heading that is not there.
pub fn broken_links(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for page in pages(files) {
        for (number, line) in prose(page) {
            for target in targets(line).filter(|target| !target.contains("://")) {
                if !leads_somewhere(files, page, target) {
                    let advice = format!("`{target}` leads nowhere: follow it from this page");
                    offences.push(page.offence(number, advice));
                }
            }
        }
    }
    offences
}

fn leads_somewhere(files: &[File], page: &File, target: &str) -> bool {
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { page.path.clone() } else { resolved(&page.path, path) };
    if heading.is_empty() {
        return is_there(files, &path);
    }
    let there = files.iter().find(|file| file.path == path);
    there.is_some_and(|there| anchors(there).iter().any(|anchor| anchor == heading))
}

fn is_there(files: &[File], path: &str) -> bool {
    let folder = format!("{}/", path.trim_end_matches('/'));
    files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
}

/// Where the paths begin that a page may name.
const ROOTS: &[&str] = &["framework/", "examples/", "tests/", "docs/", ".ci/"];

/// Every path between backticks that is not there. Of `path.rs::test` the path counts.
pub fn missing_paths(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for page in pages(files) {
        for (number, line) in prose(page) {
            let paths = ticked(line).filter_map(|said| said.split("::").next());
            let paths = paths.filter(|path| ROOTS.iter().any(|root| path.starts_with(root)));
            for path in paths.filter(|path| !path.contains([' ', '*', '<', '{'])) {
                if !is_there(files, path) {
                    let advice = format!("`{path}` is not there: name what took its place");
                    offences.push(page.offence(number, advice));
                }
            }
        }
    }
    offences
}

/// Every page below `docs/` that the README does not link to.
pub fn unmapped(files: &[File]) -> Vec<Offence> {
    let readme = files.iter().find(|file| file.path == "README.md");
    let linked: BTreeSet<&str> = readme.into_iter().flat_map(|file| targets(&file.text)).collect();
    pages(files)
        .filter(|page| page.path.starts_with("docs/") && !linked.contains(page.path.as_str()))
        .map(|page| page.offence(1, "the README does not link here: put it on the map"))
        .collect()
}

/// Every page with a Rust block that the face of the crate does not include.
pub fn not_compiled(files: &[File]) -> Vec<Offence> {
    let face = files.iter().find(|file| file.path == "framework/src/lib.rs");
    let includes = |path: &str| {
        let include = format!("include_str!(\"../../{path}\")");
        face.is_some_and(|face| face.text.contains(&include))
    };
    pages(files)
        .filter(|page| page.lines().any(|(_, line)| line.starts_with("```rust")))
        .filter(|page| !includes(&page.path))
        .map(|page| page.offence(1, "its Rust is not compiled: include it in `mod docs`"))
        .collect()
}

/// Where the numbers of rules are explained.
const RULES: &str = "docs/internals/rules.md";

/// Every rule number in a comment of the framework or the tests that has no row.
pub fn unexplained(files: &[File]) -> Vec<Offence> {
    let rules = files.iter().find(|file| file.path == RULES);
    let explained = |rule: &str| {
        let row = format!("| {rule} |");
        rules.is_some_and(|rules| rules.text.lines().any(|line| line.starts_with(&row)))
    };
    let mut offences = Vec::new();
    let code = files.iter().filter(|file| {
        file.is_rust() && (file.within("framework").is_some() || file.within("tests").is_some())
    });
    for file in code {
        for (number, line) in file.lines().filter(|(_, line)| line.trim_start().starts_with("//")) {
            for rule in numbers(line).filter(|rule| !explained(rule)) {
                offences.push(file.offence(number, format!("`{rule}` has no row in {RULES}")));
            }
        }
    }
    offences
}

/// The rule numbers that a line names: `H` or `F` and one or two digits.
fn numbers(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(move |word| {
        let digits = word.strip_prefix(['H', 'F']).unwrap_or_default();
        matches!(digits.len(), 1 | 2)
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && says(line, word)
    })
}

#[test]
fn a_test_that_is_not_there_is_named() {
    let page = "`tests/a.rs::one` `tests/a.rs::two` `tests/a.rs::three` `tests/b/c.rs::four` \
                `tests/d.rs::five`\n";
    let source = "#[test]\n#[cfg(unix)]\nfn one() {}\nfn two() {}\n";
    let suite = "suite! {\n    c::four,\n}\n";
    let files = [
        ("a.md", page),
        ("tests/a.rs", source),
        ("tests/b/c.rs", "pub async fn four<P: Pair>() {}\n"),
        ("tests/b/mod.rs", suite),
        ("tests/d.rs", "macro_rules! scenarios {}\n\nscenarios! {\n    five six\n}\n"),
    ];
    assert_eq!(
        told(unknown_tests, &files),
        [
            "a.md:1: `tests/a.rs` has no test `two`: name one that is there",
            "a.md:1: `tests/a.rs` has no test `three`: name one that is there",
        ]
    );
}

#[test]
fn a_quote_that_is_not_verbatim_is_named() {
    let source = "fn a() {\n    b(\n        c,\n    )\n}\n";
    let page = |quote: &str| format!("<!-- from a.rs -->\n```rs\n{quote}```\n");
    let misquoted = |quote: &str| told(misquoted, &[("a.md", &page(quote)), ("a.rs", source)]);
    assert_eq!(misquoted("b(\n    c,\n)\n"), [""; 0]);
    let fault = "a.md:1: this does not stand in `a.rs`: copy it again";
    for quote in ["b(\n    d,\n)\n", "b(\nc,\n)\n", "b(\n)\n", ""] {
        assert_eq!(misquoted(quote), [fault], "{quote}");
    }
}

#[test]
fn a_link_that_leads_nowhere_is_named() {
    let page = "[a](b.md) [b](b.md#two-words) [c](b.md#one) [d](c.md) [e](https://a.org/b)\n";
    let files = [("docs/a.md", page), ("docs/b.md", "# Two words\n")];
    assert_eq!(
        told(broken_links, &files),
        [
            "docs/a.md:1: `b.md#one` leads nowhere: follow it from this page",
            "docs/a.md:1: `c.md` leads nowhere: follow it from this page",
        ]
    );
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let files = [("a.md", "`tests/a.rs` `tests/b.rs::c` `docs/` `src/d`\n"), ("tests/a.rs", "")];
    assert_eq!(
        told(missing_paths, &files),
        [
            "a.md:1: `tests/b.rs` is not there: name what took its place",
            "a.md:1: `docs/` is not there: name what took its place",
        ]
    );
}

#[test]
fn a_page_that_nobody_finds_or_compiles_is_named() {
    let page = ("docs/a.md", "```rust\n```\n");
    let files = [page, ("README.md", ""), ("framework/src/lib.rs", "")];
    assert_eq!(
        told(unmapped, &files),
        ["docs/a.md:1: the README does not link here: put it on the map"]
    );
    assert_eq!(
        told(not_compiled, &files),
        ["docs/a.md:1: its Rust is not compiled: include it in `mod docs`"]
    );
    let lib = "#[doc = include_str!(\"../../docs/a.md\")]\n";
    let files = [page, ("README.md", "[a](docs/a.md)\n"), ("framework/src/lib.rs", lib)];
    assert_eq!(told(unmapped, &files).len() + told(not_compiled, &files).len(), 0);
}

#[test]
fn a_rule_without_a_row_is_named() {
    let code =
        "//! As it must (H1, F22).\nlet H3 = F(4); // Not before a line of its own.\n// H123\n";
    let files = [("tests/a.rs", code), (RULES, "| H1 | so |\n")];
    assert_eq!(told(unexplained, &files), [format!("tests/a.rs:1: `F22` has no row in {RULES}")]);
}
