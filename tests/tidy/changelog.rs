//! The changelog tells users about the version they get.

use super::tree::{File, Offence, told};

/// An offence when `CHANGELOG.md` has no heading for the version of the workspace.
pub fn unnamed(files: &[File]) -> Vec<Offence> {
    let text_of = |path: &str| files.iter().find(|file| file.path == path);
    let version = text_of("Cargo.toml").and_then(|file| workspace_version(&file.text));
    let Some(version) = version else {
        let advice = "[workspace.package] names no version: give it one";
        return vec![File::new("Cargo.toml", "").offence(1, advice)];
    };
    let changelog = text_of("CHANGELOG.md");
    if changelog.is_some_and(|file| file.lines().any(|(_, line)| is_heading(line, version))) {
        return Vec::new();
    }
    let advice = format!("no heading `## {version}`: say what this version brings its users");
    vec![File::new("CHANGELOG.md", "").offence(1, advice)]
}

fn workspace_version(manifest: &str) -> Option<&str> {
    let (_, section) = manifest.split_once("[workspace.package]")?;
    let own = section.split("\n[").next()?;
    let line = own.lines().find_map(|line| line.strip_prefix("version"))?;
    line.split('"').nth(1)
}

/// `## 1.2.3`, bare or in brackets, with or without a date.
fn is_heading(line: &str, version: &str) -> bool {
    let heading = line.strip_prefix("## ").and_then(|rest| rest.split_whitespace().next());
    heading.is_some_and(|word| word.trim_matches(['[', ']']) == version)
}

#[test]
fn a_version_without_a_heading_is_named() {
    let manifest =
        "[workspace]\n[workspace.package]\nversion = \"1.2.3\"\n\n[x]\nversion = \"9\"\n";
    let told_of =
        |changelog| told(unnamed, &[("Cargo.toml", manifest), ("CHANGELOG.md", changelog)]);
    let fault = "CHANGELOG.md:1: no heading `## 1.2.3`: say what this version brings its users";
    assert_eq!(told_of("# Changelog\n\n## 1.2.30 - 2030-01-01\n"), [fault]);
    assert_eq!(told_of("# Changelog\n\n1.2.3\n"), [fault]);
    assert_eq!(told_of("# Changelog\n\n## 1.2.3 - unreleased\n"), [""; 0]);
    assert_eq!(told(unnamed, &[("Cargo.toml", manifest)]), [fault]);
}

#[test]
fn a_workspace_without_a_version_is_named() {
    let fault = "Cargo.toml:1: [workspace.package] names no version: give it one";
    assert_eq!(told(unnamed, &[("Cargo.toml", "[workspace]\nmembers = []\n")]), [fault]);
}
