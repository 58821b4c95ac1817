//! The requests that are answered, and the page that explains them.

use crate::tidy::tree::tree;
use std::collections::BTreeSet;

fn text_of(path: &str) -> String {
    let file = tree().into_iter().find(|file| file.path == path);
    file.unwrap_or_else(|| panic!("there is no {path}")).text
}

/// The routes of a server, as its source has them: `.route("PATH", VERB(..))`.
fn answered(source: &str) -> BTreeSet<String> {
    let routes = source.split(".route(\"").skip(1).map(|route| {
        let (path, rest) = route.split_once("\", ").expect("a path, and who answers");
        let (verb, _) = rest.split_once('(').expect("one verb");
        format!("{} {path}", verb.to_uppercase())
    });
    routes.collect()
}

/// The first cell of each row of the tables of a page.
fn explained(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once("` |")?.0.to_owned())).collect()
}

#[test]
fn the_page_explains_the_requests_that_are_answered_and_no_others() {
    let answered = answered(&text_of("examples/shop/src/http/server.rs"));
    assert!(answered.contains("POST /v1/orders"), "{answered:?}");
    assert_eq!(explained(&text_of("docs/reference/http.md")), answered);
}
