//! What may import what inside the framework.

use super::code::{code, test_files};
use super::tree::{File, Offence};

/// The floors of `framework/src`, ground first. A module imports from its own folder and from lower
/// floors, and from nowhere else.
const FLOORS: &[&[&str]] = &[
    &["error", "id", "clock", "future", "mistake", "sync", "text"],
    &["message", "edge", "schema"],
    &["store", "broker"],
    &["saga", "reactor", "view", "table", "tx", "sqlite", "postgres", "kafka", "memory"],
    &["engine", "coordinator"],
    &["app"],
    &["story", "console", "cli"],
];

/// Who may import whom on the same floor: definitions share the words for rows, and the coordinator
/// is a handler of the engine's lane.
const NEIGHBOURS: &[(&str, &[&str])] = &[
    ("edge", &["message"]),
    ("reactor", &["tx", "table", "view"]),
    ("store", &["broker"]),
    ("tx", &["table", "view", "saga"]),
    ("view", &["table"]),
    ("coordinator", &["engine"]),
];

const ADAPTERS: &[&str] = &["sqlite", "postgres", "kafka", "memory"];

/// What the floors would allow and is refused all the same: who, whom, why.
const NEVER: &[(&[&str], &[&str], &str)] = &[
    (&["saga", "reactor"], &["store", "broker"], "a definition knows no store and no broker"),
    (&["engine", "coordinator"], ADAPTERS, "only the user's `main` names an adapter"),
];

/// Every import that does not run down.
pub fn imports(files: &[File]) -> Vec<Offence> {
    let tests = test_files(files);
    files
        .iter()
        .filter(|file| !tests.contains(&file.path))
        .filter_map(|file| module_of(file).map(|module| (file, module)))
        .flat_map(|(file, module)| imports_of(file, module))
        .collect()
}

/// Every module that stands on no floor, named once, by its first file.
pub fn strays(files: &[File]) -> Vec<Offence> {
    let mut named = Vec::new();
    let mut offences = Vec::new();
    for file in files {
        let Some(module) = module_of(file) else { continue };
        if floor_of(module).is_none() && !named.contains(&module) {
            named.push(module);
            let advice = format!("`{module}` stands on no floor: give it one in {}", file!());
            offences.push(file.offence(1, advice));
        }
    }
    offences
}

/// The top-level module that a file belongs to. The face and the binaries are the roof: exempt.
fn module_of(file: &File) -> Option<&str> {
    let inside = file.within("framework/src").filter(|_| file.is_rust())?;
    let module = inside.split(['/', '.']).next()?;
    (!matches!(module, "lib" | "main" | "bin")).then_some(module)
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn imports_of(file: &File, module: &str) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (number, line) in (1..).zip(code(&file.text).lines()) {
        let absolute = paths(line, "crate::").filter_map(|path| fault_of(module, path));
        let climbing = paths(line, "super::").filter_map(|path| climb_of(file, module, path));
        offences.extend(absolute.chain(climbing).map(|advice| file.offence(number, advice)));
    }
    offences
}

/// What follows each `start` in a line. `$crate::` is a path of the user's crate, not of ours, and
/// the second half of `super::super::` belongs to the first.
fn paths<'a>(line: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | ':');
    line.match_indices(start)
        .filter(move |(at, _)| !line[..*at].ends_with(joins))
        .map(|(at, start)| &line[at + start.len()..])
}

/// What is wrong with an import of `path` (what follows `crate::`) by `module`.
fn fault_of(module: &str, path: &str) -> Option<String> {
    let target = first_word(path);
    if target == module {
        return None;
    }
    let Some(floor) = floor_of(target) else {
        let shown = if target.is_empty() { path.trim_end() } else { target };
        return Some(format!(
            "`crate::{shown}` names no module: import from the module that owns the name, one \
             `use crate::module::Name` each"
        ));
    };
    if !path[target.len()..].starts_with("::") {
        return Some(format!("name what is wanted of it: `use crate::{target}::Name`"));
    }
    if let Some((.., why)) =
        NEVER.iter().find(|(who, whom, _)| who.contains(&module) && whom.contains(&target))
    {
        return Some(format!("`{module}` imports `{target}`, but {why}"));
    }
    let neighbour = NEIGHBOURS.iter().any(|(who, whom)| *who == module && whom.contains(&target));
    let below = floor_of(module).is_none_or(|own| floor < own);
    (!below && !neighbour).then(|| {
        format!("`{module}` imports `{target}`, which does not stand below it: move the name down")
    })
}

/// What is wrong with a path that climbs by `super::` out of its own folder.
fn climb_of(file: &File, module: &str, mut path: &str) -> Option<String> {
    let mut steps = 1;
    while let Some(rest) = path.strip_prefix("super::") {
        (path, steps) = (rest, steps + 1);
    }
    let target = first_word(path);
    let out = steps >= depth_of(file) && target != module && floor_of(target).is_some();
    out.then(|| format!("climbs out of `{module}`: say `crate::{target}::`, so that it is seen"))
}

/// How many steps lead from a file up to the root of the crate.
fn depth_of(file: &File) -> usize {
    let inside = file.within("framework/src").unwrap_or_default();
    inside.split('/').filter(|part| *part != "mod.rs").count()
}

fn first_word(path: &str) -> &str {
    path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::told;

    /// What the rule says of `text` in `framework/src/<path>`, without the path.
    #[track_caller]
    fn check(path: &str, text: &str, expected: &[&str]) {
        let path = format!("framework/src/{path}");
        let told = told(imports, &[(&path, text)]);
        let lines: Vec<&str> = told.iter().map(|line| &line[path.len() + 1..]).collect();
        assert_eq!(lines.len(), expected.len(), "{lines:#?}");
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.starts_with(expected), "`{line}` does not begin with `{expected}`");
        }
    }

    #[test]
    fn an_import_that_runs_up_is_named() {
        check(
            "error.rs",
            "\nuse crate::app::App;\n",
            &["2: `error` imports `app`, which does not"],
        );
        check("store/mod.rs", "fn f(a: crate::saga::Plan) {}", &["1: `store` imports `saga`"]);
        check(
            "message.rs",
            "use crate::edge::{\n    Edge,\n};\n",
            &["1: `message` imports `edge`"],
        );
        check("engine/lane.rs", "use crate::coordinator::A;", &["1: `engine` imports `coordin"]);
    }

    #[test]
    fn definitions_and_adapters_do_not_meet() {
        check("saga/plan.rs", "use crate::sqlite::Sqlite;", &["1: `saga` imports `sqlite`"]);
        check("sqlite/mod.rs", "use crate::table::Table;", &["1: `sqlite` imports `table`"]);
        check("kafka/mod.rs", "use crate::postgres::A;", &["1: `kafka` imports `postgres`"]);
        check("view/mod.rs", "use crate::reactor::A;", &["1: `view` imports `reactor`"]);
    }

    #[test]
    fn what_the_floors_allow_may_still_be_refused() {
        let why = "1: `saga` imports `store`, but a definition knows no store";
        check("saga/plan.rs", "use crate::store::Store;", &[why]);
        check("reactor/mod.rs", "use crate::broker::A;", &["1: `reactor` imports `broker`, but"]);
        check("engine/lane.rs", "use crate::memory::A;", &["1: `engine` imports `memory`, but"]);
        check("coordinator/a.rs", "use crate::kafka::A;", &["1: `coordinator` imports `kafka`, b"]);
    }

    #[test]
    fn the_root_face_is_no_way_in() {
        check("app.rs", "use crate::Plan;", &["1: `crate::Plan` names no module"]);
        check("app.rs", "use crate::{error, id};", &["1: `crate::{error, id};` names no module"]);
        check("app.rs", "use crate::*;", &["1: `crate::*;` names no module"]);
        check("app.rs", "use crate::error;", &["1: name what is wanted of it"]);
        check("saga/mod.rs", "use super::store::A;", &["1: climbs out of `saga`"]);
        check("saga/plan.rs", "use super::super::error::A;", &["1: climbs out of `saga`"]);
    }

    #[test]
    fn every_offence_of_a_file_is_named() {
        let text = "use crate::app::A;\nfn f(a: crate::cli::B, c: crate::C) {}\n";
        check("id.rs", text, &["1: `id` imports `app`", "2: `id` imports `cli`", "2: `crate::C`"]);
    }

    #[test]
    fn what_runs_down_is_left_alone() {
        check("saga/plan.rs", "use crate::saga::step::Step;\nuse crate::error::Fault;", &[]);
        check("saga/plan.rs", "use super::step::Step;\npub(in crate::saga) fn f() {}", &[]);
        check("coordinator/mod.rs", "use crate::engine::Lane;\nuse crate::saga::Plan;", &[]);
        check("reactor/mod.rs", "use crate::view::View;\nuse crate::error::Fault;", &[]);
        check("message.rs", "/// [`crate::app::App`]\nmacro_rules! m { () => { $crate::A } }", &[]);
        check("sqlite/mod.rs", "use crate::{store::A};", &["1: `crate::{store::A};` names no"]);
        check("lib.rs", "pub use crate::app::App;", &[]);
        check("bin/ballet.rs", "use crate::anything;", &[]);
    }

    #[test]
    fn tests_stand_on_no_floor() {
        check("id.rs", "#[cfg(test)]\nmod tests {\n    use crate::app::App;\n}\n", &[]);
        check("saga/tests.rs", "use crate::app::App;", &[]);
        check("id.rs", "#[cfg(test)]\nmod tests;\nuse crate::app::A;", &["3: `id` imports `app`"]);
    }

    #[test]
    fn a_module_without_a_floor_is_named_once() {
        let files = [("framework/src/util/mod.rs", ""), ("framework/src/util/a.rs", "")];
        let told = told(strays, &files);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("framework/src/util/mod.rs:1: `util` stands on no floor"));
    }

    #[test]
    fn no_module_stands_on_two_floors() {
        let mut modules = FLOORS.concat();
        modules.sort_unstable();
        assert!(modules.windows(2).all(|pair| pair[0] != pair[1]), "{modules:?}");
    }
}
