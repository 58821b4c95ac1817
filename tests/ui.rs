//! What the compiler says of a mistake, in our words.
//!
//! Each case in `ui/examples/` holds one mistake, and its first lines name the phrases that must be
//! said of it. Nothing else of the compiler's output is compared: it changes with every release of
//! Rust, and only our own words are ours to keep.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// Before each phrase at the top of a case. A case without phrases has no mistake and must compile.
const SAYS: &str = "//! says: ";

struct Case {
    name: String,
    phrases: Vec<String>,
}

impl Case {
    fn new(name: &str, text: &str) -> Self {
        let phrases = text.lines().filter_map(|line| line.strip_prefix(SAYS));
        Self { name: name.to_owned(), phrases: phrases.map(str::to_owned).collect() }
    }
}

/// What the compiler said, by the target it said it of.
#[derive(Default)]
struct Told {
    errors: BTreeMap<String, Vec<String>>,
    compiled: BTreeSet<String>,
}

impl Told {
    /// Reads cargo's messages, one JSON object a line.
    fn read(output: &str) -> Self {
        let mut told = Self::default();
        for line in output.lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
            let text = |at: &str| line.pointer(at).and_then(Value::as_str).unwrap_or_default();
            let target = text("/target/name").to_owned();
            let is_error = text("/message/level").starts_with("error")
                // The sum at the end of a failed crate is no news.
                && !text("/message/message").starts_with("aborting due to");
            if text("/reason") == "compiler-artifact" {
                told.compiled.insert(target);
            } else if is_error {
                told.errors.entry(target).or_default().push(text("/message/rendered").to_owned());
            }
        }
        told
    }

    /// What is wrong with what was said of a case: too little, or something beside the point.
    fn complaint(&self, case: &Case) -> Option<String> {
        let name = &case.name;
        let Some(errors) = self.errors.get(name) else {
            let compiled = self.compiled.contains(name);
            let fine = compiled && case.phrases.is_empty();
            let fate = if compiled { "compiles" } else { "was not compiled" };
            return (!fine).then(|| format!("`{name}` {fate}\n"));
        };
        let unsaid =
            case.phrases.iter().filter(|phrase| !errors.iter().any(|e| e.contains(*phrase)));
        let unsaid = unsaid.map(|phrase| format!("  unsaid: {phrase}\n"));
        let beside =
            errors.iter().filter(|e| !case.phrases.iter().any(|phrase| e.contains(phrase)));
        let beside = beside.map(|e| format!("  beside the point: {}\n", first_line(e)));
        let faults: String = unsaid.chain(beside).collect();
        (!faults.is_empty()).then(|| format!("`{name}`\n{faults}{}", errors.concat()))
    }

    /// What is wrong with all that was said.
    fn complaints(&self, cases: &[Case]) -> Vec<String> {
        // When the types that the cases share do not compile, no case has been looked at.
        let is_case = |name: &String| cases.iter().any(|case| case.name == *name);
        let others = self.errors.iter().filter(|(name, _)| !is_case(name));
        let others =
            others.map(|(name, errors)| format!("`{name}` is no case\n{}", errors.concat()));
        others.chain(cases.iter().filter_map(|case| self.complaint(case))).collect()
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/examples");
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).expect("the cases are there").flatten() {
        let path = entry.path();
        let name = path.file_stem().expect("a case has a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("a case is text");
        cases.push(Case::new(&name, &text));
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// Has all cases checked. What they depend on was downloaded for this test itself; only where that
/// is not so is the network asked.
fn compile() -> Told {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    // The cases are a workspace of their own, but not with versions of their own.
    fs::copy(folder.join("../../Cargo.lock"), folder.join("Cargo.lock")).expect("a lock file");
    let mut failed = String::new();
    for network in [&["--offline"][..], &[]] {
        let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["check", "--keep-going", "--examples", "--message-format=json"])
            .args(network)
            .arg("--target-dir")
            .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui"))
            .current_dir(&folder)
            .output()
            .expect("cargo can be run");
        let told = Told::read(&String::from_utf8_lossy(&output.stdout));
        if !told.compiled.is_empty() {
            return told;
        }
        failed = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    panic!("nothing was compiled:\n{failed}");
}

#[test]
fn every_mistake_is_told_in_our_words() {
    let complaints = compile().complaints(&cases());
    assert!(complaints.is_empty(), "{}:\n\n{}", complaints.len(), complaints.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::{Case, SAYS, Told, cases};

    fn error(target: &str, rendered: &str) -> String {
        serde_json::json!({
            "reason": "compiler-message",
            "target": { "name": target },
            "message": { "level": "error", "message": "", "rendered": rendered },
        })
        .to_string()
    }

    /// What is wrong with a case of these phrases, of which these errors were told.
    fn told(phrases: &[&str], errors: &[&str]) -> Vec<String> {
        let text: String = phrases.iter().map(|phrase| format!("{SAYS}{phrase}\n")).collect();
        let mut output: Vec<String> = errors.iter().map(|text| error("a", text)).collect();
        if errors.is_empty() {
            output.push(r#"{"reason":"compiler-artifact","target":{"name":"a"}}"#.into());
        }
        Told::read(&output.join("\n")).complaints(&[Case::new("a", &text)])
    }

    /// A rule that is shown no cases holds of any compiler.
    #[test]
    fn the_cases_are_seen() {
        let (fine, wrong): (Vec<_>, Vec<_>) =
            cases().into_iter().partition(|case| case.phrases.is_empty());
        assert_eq!(
            fine.iter().map(|case| &case.name[..]).collect::<Vec<_>>(),
            ["ok", "ok_reactions"]
        );
        assert!(wrong.iter().any(|case| case.name == "two_pivots"));
    }

    #[test]
    fn a_mistake_that_is_told_in_our_words_is_fine() {
        assert_eq!(
            told(&["no way", "back"], &["there is no way", "nor is there a way back"]),
            [""; 0]
        );
        assert_eq!(told(&[], &[]), [""; 0]);
    }

    #[test]
    fn a_mistake_that_compiles_is_named() {
        assert_eq!(told(&["no way back"], &[]), ["`a` compiles\n"]);
    }

    #[test]
    fn a_case_that_is_not_compiled_is_named() {
        let told = Told::read("").complaints(&[Case::new("a", "")]);
        assert_eq!(told, ["`a` was not compiled\n"]);
    }

    #[test]
    fn a_phrase_that_is_not_said_is_named_with_what_is_said() {
        let told = told(&["no way", "back"], &["no way\n"]);
        assert_eq!(told, ["`a`\n  unsaid: back\nno way\n"]);
    }

    #[test]
    fn an_error_beside_the_point_is_named() {
        let two = told(&["no way"], &["no way\n", "no semicolon\n"]);
        assert_eq!(two, ["`a`\n  beside the point: no semicolon\nno way\nno semicolon\n"]);
        let one = told(&[], &["no semicolon\n"]);
        assert_eq!(one, ["`a`\n  beside the point: no semicolon\nno semicolon\n"]);
    }

    #[test]
    fn an_error_that_is_in_no_case_is_named() {
        let output = format!("{}\n{}", error("lib", "no such type\n"), error("a", "no way"));
        let told = Told::read(&output).complaints(&[Case::new("a", "//! says: no way\n")]);
        assert_eq!(told, ["`lib` is no case\nno such type\n"]);
    }
}
