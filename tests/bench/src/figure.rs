//! The figures that a run may give: each has a key in the JSON file and a column in a table.

use std::collections::BTreeMap;

/// What a run has shown, by the keys of [`FIGURES`]. What could not be measured is not there.
pub type Figures = BTreeMap<String, f64>;

/// In which table a figure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Speed,
    Cost,
    /// What is kept.
    Size,
    /// What became of those who were under way when their process was killed.
    Death,
}

/// A figure.
#[derive(Debug)]
pub struct Figure {
    pub key: &'static str,
    /// Above its column; `each` is one saga, or one purchase.
    pub title: &'static str,
    pub digits: usize,
    pub part: Part,
}

const fn speed(key: &'static str, title: &'static str, digits: usize) -> Figure {
    Figure { key, title, digits, part: Part::Speed }
}

const fn cost(key: &'static str, title: &'static str, digits: usize) -> Figure {
    Figure { key, title, digits, part: Part::Cost }
}

const fn size(key: &'static str, title: &'static str) -> Figure {
    Figure { key, title, digits: 1, part: Part::Size }
}

const fn death(key: &'static str, title: &'static str, digits: usize) -> Figure {
    Figure { key, title, digits, part: Part::Death }
}

pub const PER_SECOND: &str = "per_second";

/// All of them, in the order in which they are told.
pub const FIGURES: &[Figure] = &[
    speed(PER_SECOND, "a second", 0),
    speed("rows_per_second", "rows a second", 0),
    speed("p50_ms", "p50 ms", 1),
    speed("p95_ms", "p95 ms", 1),
    speed("p99_ms", "p99 ms", 1),
    speed("p999_ms", "p99.9 ms", 1),
    speed("max_ms", "most ms", 0),
    speed("rss_mb", "RSS MB", 0),
    cost("cpu_us", "us CPU each", 0),
    cost("cpu_engine_us", "us engine", 0),
    cost("cpu_postgres_us", "us Postgres", 0),
    cost("cpu_broker_us", "us broker", 0),
    cost("messages", "messages", 1),
    cost("again", "said again", 2),
    cost("message_bytes", "bytes of them", 0),
    cost("messages_per_batch", "a batch", 1),
    cost("statements", "statements", 2),
    cost("commits", "commits", 3),
    cost("wal_bytes", "WAL bytes", 0),
    cost("hot_share", "HOT %", 0),
    cost("written_bytes", "bytes to disk", 0),
    size("mb_all", "MB"),
    size("mb_indexes", "of it indexes"),
    size("mb_archive", "archive"),
    size("mb_rows", "rows"),
    size("mb_barriers", "barriers"),
    size("mb_log", "log"),
    size("mb_outbox", "outbox"),
    size("mb_runs", "runs"),
    size("mb_timers", "timers"),
    size("mb_inbox", "inbox"),
    size("mb_edges", "edges"),
    size("mb_lanes", "lanes"),
    death("begun_per_second", "begun a second", 0),
    death("rss_live_mb", "RSS MB", 0),
    death("first_lane_s", "first lane after s", 2),
    death("progress_s", "progress after s", 2),
    death("all_lanes_s", "all lanes after s", 2),
    death("rss_taken_mb", "RSS MB then", 0),
    death("ended_per_second", "ended a second", 0),
    death("rss_most_mb", "most RSS MB", 0),
];
