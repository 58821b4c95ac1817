//! What is said of the death of a process.

use super::tree::{File, Offence, told};

const SECTION: &str = "# If the process dies";

/// Where a user meets store and broker.
const FACES: &[&str] =
    &["framework/src/app", "framework/src/sqlite/mod.rs", "framework/src/postgres/mod.rs"];

/// The ports: every method of a trait is for users, too.
const PORTS: &[&str] = &["framework/src/store/port.rs", "framework/src/broker.rs"];

/// Every public method that waits for store or broker and does not say what is then.
pub fn unsaid(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files {
        let port = PORTS.contains(&&*file.path);
        let face = FACES.iter().any(|at| file.path == *at || file.within(at).is_some());
        if !port && !face {
            continue;
        }
        let start = if port { "async fn " } else { "pub async fn " };
        let mut is_said = false;
        for (number, line) in file.lines() {
            let line = line.trim_start();
            if let Some(doc) = line.strip_prefix("///") {
                is_said |= doc.trim() == SECTION;
            } else if let Some(name) = line.strip_prefix(start)
                && !is_said
            {
                let name = name.split(['(', '<']).next().unwrap_or_default();
                let advice = format!("`{name}` waits for store or broker: add `{SECTION}`");
                offences.push(file.offence(number, advice));
            } else if !line.starts_with("#[") {
                is_said = false;
            }
        }
    }
    offences
}

#[test]
fn a_method_that_does_not_say_it_is_named() {
    let said = "/// It asks.\n///\n/// # If the process dies\n///\n/// Ask again.\n#[must_use]\n";
    let text = format!("{said}pub async fn ask() {{}}\n/// Looks.\npub async fn look<T>() {{}}\n");
    let advice = "`look` waits for store or broker: add `# If the process dies`";
    assert_eq!(
        told(unsaid, &[("framework/src/app/ask.rs", &text)]),
        [format!("framework/src/app/ask.rs:9: {advice}")]
    );
    assert_eq!(told(unsaid, &[("framework/src/engine/lane.rs", &text)]), [""; 0]);
}

#[test]
fn in_a_port_every_method_says_it() {
    let text = "    /// Looks.\n    async fn look(&self);\n";
    let advice = "`look` waits for store or broker: add `# If the process dies`";
    let path = "framework/src/broker.rs";
    assert_eq!(told(unsaid, &[(path, text)]), [format!("{path}:2: {advice}")]);
    assert_eq!(told(unsaid, &[("framework/src/sqlite/mod.rs", text)]), [""; 0]);
}
