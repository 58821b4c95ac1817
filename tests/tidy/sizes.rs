//! How long a file may be.

use super::code::{lines_of_code, test_files};
use super::tree::{File, Offence, told};

/// Lines of code without docs and tests: what one reads in one sitting.
const CODE_LINES_MAX: usize = 400;

/// Lines of any kind in a file that is not only tests: what one scrolls through.
const LINES_MAX: usize = 500;

const FOLDERS: &[&str] = &["framework/src", "examples", "tests"];

/// Every file that is too long for one subject.
pub fn too_long(files: &[File]) -> Vec<Offence> {
    let tests = test_files(files);
    files
        .iter()
        .filter(|file| file.is_rust() && FOLDERS.iter().any(|at| file.within(at).is_some()))
        .filter_map(|file| {
            let only_tests = tests.contains(&file.path) || file.within("tests").is_some();
            let advice = fault_of(&file.text, only_tests)?;
            Some(file.offence(1, advice))
        })
        .collect()
}

fn fault_of(text: &str, only_tests: bool) -> Option<String> {
    let (code, all) = (lines_of_code(text), text.lines().count());
    if code > CODE_LINES_MAX {
        return Some(format!(
            "{code} lines of code, {CODE_LINES_MAX} allowed: split it by subject"
        ));
    }
    (all > LINES_MAX && !only_tests).then(|| {
        format!("{all} lines, {LINES_MAX} allowed: split it, or move its tests to `tests.rs`")
    })
}

#[test]
fn a_file_with_too_much_code_is_named() {
    let code = "let a = 1;\n".repeat(CODE_LINES_MAX + 1);
    assert_eq!(
        told(too_long, &[("tests/a.rs", &code), ("examples/shop/src/b.rs", &code)]),
        [
            "tests/a.rs:1: 401 lines of code, 400 allowed: split it by subject",
            "examples/shop/src/b.rs:1: 401 lines of code, 400 allowed: split it by subject",
        ]
    );
}

#[test]
fn a_file_with_too_many_lines_of_any_kind_is_named() {
    let docs = "/// Said again.\n".repeat(LINES_MAX + 1);
    let told = told(too_long, &[("framework/src/a.rs", &docs), ("tests/b.rs", &docs)]);
    let advice = "501 lines, 500 allowed: split it, or move its tests to `tests.rs`";
    assert_eq!(told, [format!("framework/src/a.rs:1: {advice}")]);
}

#[test]
fn docs_and_tests_take_no_room() {
    let docs = "/// Said.\n".repeat(40);
    let tests = "let a = 1;\n".repeat(CODE_LINES_MAX - 10);
    let text = format!("{docs}\nfn a() {{}}\n#[cfg(test)]\nmod tests {{\n{tests}}}\n");
    assert_eq!(told(too_long, &[("framework/src/a.rs", &text)]), [""; 0]);
}
