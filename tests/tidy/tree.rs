//! The files under the rules, and how an offence is told.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A text file of the repository.
#[derive(Debug)]
pub struct File {
    /// From the root of the repository, with `/` on every system.
    pub path: String,
    pub text: String,
}

impl File {
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// The lines with their numbers, as an editor counts them.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The path inside `folder`, if the file is there.
    pub fn within(&self, folder: &str) -> Option<&str> {
        self.path.strip_prefix(folder)?.strip_prefix('/')
    }

    pub fn offence(&self, line: usize, advice: impl Into<String>) -> Offence {
        Offence { path: self.path.clone(), line, advice: advice.into() }
    }
}

/// A place that breaks a rule.
#[derive(Debug)]
pub struct Offence {
    path: String,
    line: usize,
    /// What is wrong there and what to do about it.
    advice: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.advice)
    }
}

/// Fails with all offences at once: whoever tidies up wants the list, not its first line.
#[track_caller]
pub fn report(rule: &str, offences: Vec<Offence>) {
    if offences.is_empty() {
        return;
    }
    let list: String = offences.iter().map(|offence| format!("  {offence}\n")).collect();
    panic!("{rule}, but not here ({}):\n{list}", offences.len());
}

/// What a rule says about the given files, for the tests of the rules.
pub fn told(rule: impl Fn(&[File]) -> Vec<Offence>, files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<File> = files.iter().map(|(path, text)| File::new(*path, *text)).collect();
    rule(&files).iter().map(Offence::to_string).collect()
}

/// Whether `line` says `word` by itself and not as a part of a longer one.
pub fn says(line: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let open = !word.starts_with(joins);
    let close = !word.ends_with(joins);
    line.match_indices(word).any(|(at, _)| {
        (open || !line[..at].ends_with(joins))
            && (close || !line[at + word.len()..].starts_with(joins))
    })
}

/// Every text file of the repository, in the order of their paths.
pub fn tree() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = listed(&root).unwrap_or_else(|| walked(&root));
    paths.sort();
    paths.iter().filter_map(|path| read(&root, path)).collect()
}

/// What git would commit. New files count: they are tidied up before they are added, not after.
fn listed(root: &Path) -> Option<Vec<String>> {
    let git = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|git| git.status.success() && !git.stdout.is_empty())?;
    let names = String::from_utf8(git.stdout).ok()?;
    Some(names.split_terminator('\0').map(str::to_owned).collect())
}

/// Without git, as in an unpacked archive: everything that is there and was not built.
fn walked(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).expect("the repository can be read").flatten()
        {
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().expect("a file is of some kind");
            if kind.is_file() {
                files.push(path.to_string_lossy().replace('\\', "/"));
            } else if kind.is_dir() && !is_built(&path) {
                folders.push(path);
            }
        }
    }
    files
}

fn is_built(folder: &Path) -> bool {
    folder.ends_with("target") || folder.ends_with(".git")
}

/// `None` for what is no text, and for what git still lists but the author has just removed.
fn read(root: &Path, path: &str) -> Option<File> {
    let text = fs::read_to_string(root.join(path)).ok()?;
    Some(File::new(path, text))
}

#[test]
fn a_report_names_every_offence() {
    let file = File::new("a.rs", "");
    let offences = vec![file.offence(1, "too loud"), file.offence(2, "too late")];
    let panic = std::panic::catch_unwind(|| report("all is quiet", offences)).unwrap_err();
    assert_eq!(
        panic.downcast_ref::<String>().unwrap(),
        "all is quiet, but not here (2):\n  a.rs:1: too loud\n  a.rs:2: too late\n"
    );
}

#[test]
fn a_word_is_said_only_by_itself() {
    assert!(says("its mode is", "mode"));
    assert!(!says("its model is", "mode"));
    assert!(says("(#[x])", "#[x"));
}

#[test]
fn the_walk_and_git_see_the_same_house() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let walked = walked(&root);
    for file in tree() {
        assert!(walked.contains(&file.path), "`{}` is seen with git only", file.path);
    }
}
