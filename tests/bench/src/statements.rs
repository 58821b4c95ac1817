//! What the driver executes, counted where it logs it.
//!
//! Logging takes time, so what is counted is never timed: counting is switched on for runs of its own,
//! after all others.

use std::fmt;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

static STATEMENTS: AtomicU64 = AtomicU64::new(0);
static CALLS: AtomicU64 = AtomicU64::new(0);
static COMMITS: AtomicU64 = AtomicU64::new(0);

/// What the connection that writes has executed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Executed {
    /// Statements.
    pub statements: u64,
    /// How often the driver was asked: several statements may be one text.
    pub calls: u64,
    /// How often something went to the disk to stay.
    pub commits: u64,
}

impl Executed {
    /// From now on it is counted.
    pub fn begin() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing::subscriber::set_global_default(Counting).expect("nobody else subscribes");
        });
    }

    pub fn now() -> Self {
        let at = |count: &AtomicU64| count.load(Ordering::SeqCst);
        Self { statements: at(&STATEMENTS), calls: at(&CALLS), commits: at(&COMMITS) }
    }

    pub const fn since(self, before: Self) -> Self {
        Self {
            statements: self.statements - before.statements,
            calls: self.calls - before.calls,
            commits: self.commits - before.commits,
        }
    }

    fn note(sql: &str) {
        let all = sql.split(';').map(str::trim).filter(|statement| !statement.is_empty());
        let (all, commits) = all.fold((0, 0), |(all, commits), statement| {
            (all + 1, commits + u64::from(statement == "COMMIT"))
        });
        STATEMENTS.fetch_add(all, Ordering::SeqCst);
        COMMITS.fetch_add(commits, Ordering::SeqCst);
        CALLS.fetch_add(1, Ordering::SeqCst);
    }
}

/// Listens to the driver, and only to the thread of the connection that writes.
struct Counting;

impl Subscriber for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let thread = std::thread::current();
        if thread.name().is_some_and(|name| name.starts_with("writes ")) {
            let mut text = Text::default();
            event.record(&mut text);
            Executed::note(if text.statement.is_empty() { &text.summary } else { &text.statement });
        }
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// The driver tells short texts as a summary, and long ones as a statement too.
#[derive(Default)]
struct Text {
    summary: String,
    statement: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.statement),
            _ => {}
        }
    }
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
