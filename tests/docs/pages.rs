//! What a page of Markdown holds.

use crate::tidy::tree::File;
use std::ops::Range;

/// The pages of the repository.
pub fn pages(files: &[File]) -> impl Iterator<Item = &File> {
    files.iter().filter(|file| file.path.ends_with(".md"))
}

/// The first fenced block of this language in a text.
pub fn fenced(text: &str, language: &str) -> Option<String> {
    let (_, after) = text.split_once(&format!("```{language}\n"))?;
    let (block, _) = after.split_once("```")?;
    Some(block.to_owned())
}

/// The lines that stand in no fenced block, with their numbers.
pub fn prose(file: &File) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            lines.push((number, line));
        }
    }
    lines
}

/// What a line says between backticks.
pub fn ticked(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The targets of the links of a line.
pub fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, mark)| line[at + mark.len()..].split(')').next())
}

/// Where a relative link leads from the page at `from`, from the root of the repository.
pub fn resolved(from: &str, target: &str) -> String {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The names by which the headings of a page are linked to.
pub fn anchors(file: &File) -> Vec<String> {
    let headings = prose(file).into_iter().filter(|(_, line)| line.starts_with('#'));
    headings.map(|(_, line)| anchor(line.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// A quote: where it stands, where it says that it is from, and its lines.
pub struct Quote<'a> {
    pub line: usize,
    pub from: &'a str,
    pub lines: Vec<&'a str>,
}

/// What stands in the fenced block behind `<!-- from PATH -->`.
pub fn quotes(file: &File) -> Vec<Quote<'_>> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut quotes = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let from = line.strip_prefix("<!-- from ").and_then(|rest| rest.strip_suffix(" -->"));
        if let Some(from) = from {
            let block = block_behind(&lines, at);
            quotes.push(Quote { line: at + 1, from, lines: lines[block].to_vec() });
        }
    }
    quotes
}

/// The lines of the fenced block that opens right behind line `at`.
fn block_behind(lines: &[&str], at: usize) -> Range<usize> {
    let from = at + 2;
    let opens = lines.get(at + 1).is_some_and(|line| line.starts_with("```"));
    let ends = lines.iter().skip(from).position(|line| line.starts_with("```"));
    match (opens, ends) {
        (true, Some(length)) => from..from + length,
        _ => 0..0,
    }
}

#[test]
fn a_link_is_followed_from_its_page() {
    assert_eq!(resolved("docs/guide/a.md", "../b/c.md"), "docs/b/c.md");
    assert_eq!(resolved("README.md", "docs/a.md"), "docs/a.md");
    assert_eq!(resolved("docs/a.md", "guide"), "docs/guide");
}

#[test]
fn a_heading_is_linked_to_by_its_words() {
    let page = File::new("a.md", "# Not yet\n```text\n# no heading\n```\n## 0001: `a`, b\n");
    assert_eq!(anchors(&page), ["not-yet", "0001-a-b"]);
}
