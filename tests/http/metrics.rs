//! The numbers that are served, and the page that explains them.

use super::client::Said;
use super::{Shop, both};
use crate::tidy::tree::tree;
use std::collections::BTreeSet;

/// What is served: every family with its kind, whether or not it has a line yet.
fn served(page: &str) -> BTreeSet<String> {
    let kinds = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    kinds.map(str::to_owned).collect()
}

/// What the page explains: the first two cells of each row of its tables.
fn explained(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| {
        let (name, rest) = row.split_once("` |")?;
        let kind = rest.split('|').next()?.trim();
        Some(format!("{name} {kind}"))
    });
    cells.collect()
}

#[tokio::test]
async fn the_page_explains_the_numbers_that_are_served_and_no_others() {
    let page = tree().into_iter().find(|file| file.path == "docs/reference/metrics.md");
    let explained = explained(&page.expect("the numbers have a page").text);
    assert!(explained.len() > 5, "{explained:?}");
    for example in both() {
        let shop = Shop::open(&example).await;
        let order = shop.placed("1", "c1").await;
        shop.end_of(&order).await;
        let said = shop.get("/metrics").await.is(200).text;
        assert_eq!(served(&said), explained, "{}", example.name);
        shop.close().await;
    }
}

#[tokio::test]
async fn every_number_is_of_a_family_that_was_announced() {
    let shop = Shop::open(&both()[0]).await;
    shop.get("/v1/orders/1").await.is(404);
    let is_ready = |said: &Said| said.text.contains("ballet_ready 1\n");
    let page = shop.until("/metrics", is_ready).await.text;
    let kinds = served(&page);
    let families: BTreeSet<&str> = kinds.iter().filter_map(|kind| kind.split(' ').next()).collect();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(families.contains(name), "`{name}` was not announced");
    }
    shop.close().await;
}
