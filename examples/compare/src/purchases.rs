//! The same purchases, each way in a fresh place.

use crate::figures::{Counted, Figures};
use crate::tell::{self, Column, Story};
use ballet::Message;
use compare::ground::Ground;
use compare::orders::{self, Source, Wanted};
use compare::stand::{LANES, Stand};
use compare::{Failed, WAYS};
use serde::Serialize;
use shop::cast::Cast;
use std::io::{IsTerminal, Write};

/// How many purchases are under way at a time.
const AT_ONCE: usize = 100;

/// How many plain purchases go first, each alone: the first of them is told.
const ALONE: usize = 5;

/// Everything that there is to show.
#[derive(Debug, Serialize)]
pub struct Compared {
    pub setting: Setting,
    pub figures: Vec<Figures>,
    pub stories: Vec<Story>,
    /// The lines that could not be read as orders.
    pub faults: Vec<String>,
}

/// Where and how it ran.
#[derive(Debug, Serialize)]
pub struct Setting {
    pub orders: String,
    pub at_once: usize,
    pub lanes: u32,
    pub store: &'static str,
    pub profile: &'static str,
    pub machine: String,
    pub begun_at: String,
}

impl Setting {
    fn of(source: &Source, ground: &Ground, messages: &[Message]) -> Self {
        let orders = match source {
            Source::Drawn { purchases, seed } => {
                format!("{} of seed {seed}", self::purchases(*purchases))
            }
            Source::Read(file) if file.as_os_str() == "-" => "orders of standard input".to_owned(),
            Source::Read(file) => format!("orders of {}", file.display()),
        };
        let begun = messages.iter().map(|message| message.envelope.occurred_at).min();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        Self {
            orders,
            at_once: AT_ONCE,
            lanes: LANES,
            store: ground.told(),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            machine: format!("{cores} cores, {arch}, {os}"),
            begun_at: begun.map(|at| at.to_string()).unwrap_or_default(),
        }
    }

    /// All of it, for people.
    pub fn lines(&self) -> [(&'static str, String); 5] {
        let Self { orders, at_once, lanes, store, profile, machine, begun_at } = self;
        [
            (
                "orders",
                format!("{orders}, at most {at_once} at a time; a few go first, each alone"),
            ),
            ("store", format!("{store}; {lanes} lanes a group")),
            ("machine", format!("{machine}, a {profile} build, begun {begun_at}")),
            ("times", "those of this machine at this moment, all else on it included".to_owned()),
            (
                "left out",
                "choreography without tracker: who wants to see purchases needs one".to_owned(),
            ),
        ]
    }
}

/// What one way of doing it has to show.
struct Shown {
    figures: Figures,
    messages: Vec<Message>,
}

/// Runs them all, tells two, counts the rest.
pub async fn compare(
    source: &Source,
    ground: &Ground,
    only: Option<&str>,
) -> Result<Compared, Failed> {
    let (wanted, faults) = orders::gather(source)?;
    for fault in &faults {
        eprintln!("not an order: {fault}");
    }
    if wanted.is_empty() {
        return Err("there is no order to run: give one JSON object a line, as --help shows".into());
    }
    let mut shown = Vec::new();
    for (way, cast) in WAYS.into_iter().filter(|(way, _)| only.is_none_or(|only| only == *way)) {
        shown.push(run(way, cast, ground, &wanted).await?);
    }
    let setting = Setting::of(source, ground, &shown[0].messages);
    let stories = stories(&shown);
    let figures = shown.into_iter().map(|shown| shown.figures).collect();
    Ok(Compared { setting, figures, stories, faults })
}

/// Runs all purchases one way, in a fresh place.
async fn run(
    way: &'static str,
    cast: Cast,
    ground: &Ground,
    wanted: &[Wanted],
) -> Result<Shown, Failed> {
    let stand = Stand::open(cast, ground, wanted.len()).await?;
    let progress = Progress::of(way, wanted.len());
    for wanted in wanted {
        stand.admit(wanted).await?;
    }
    let (alone, rest) = cast_alone(wanted);
    stand.quiet().await?;
    let before = stand.commits();
    for wanted in &alone {
        stand.place(wanted).await?;
        stand.end_of(&wanted.order_id).await?;
    }
    stand.quiet().await?;
    let commits_alone = stand.commits() - before;
    for (at, some) in rest.chunks(AT_ONCE).enumerate() {
        let places = some.iter().map(|wanted| stand.place(wanted));
        together(places).await?;
        for (done, wanted) in some.iter().enumerate() {
            stand.end_of(&wanted.order_id).await?;
            progress.at(alone.len() + at * AT_ONCE + done + 1);
        }
    }
    let books = stand.books().await?;
    let (alone, rest) = (ids(&alone), ids(&rest));
    let counted =
        Counted { way, alone: &alone, rest: &rest, commits_alone, commits: stand.commits() };
    let figures = Figures::of(&counted, &books);
    stand.close().await?;
    Ok(Shown { figures, messages: books.messages })
}

/// A few plain purchases and one that is declined go first, each alone; then the rest.
fn cast_alone(wanted: &[Wanted]) -> (Vec<&Wanted>, Vec<&Wanted>) {
    let plain = wanted.iter().filter(|wanted| wanted.is_plain()).take(ALONE);
    let declined = wanted.iter().find(|wanted| wanted.declined);
    let alone: Vec<&Wanted> = plain.chain(declined).collect();
    let first = |wanted: &&Wanted| alone.iter().any(|other| other.order_id == wanted.order_id);
    let rest = wanted.iter().filter(|wanted| !first(wanted)).collect();
    (alone, rest)
}

fn ids(wanted: &[&Wanted]) -> Vec<String> {
    wanted.iter().map(|wanted| wanted.order_id.clone()).collect()
}

/// Waits for all of them, side by side.
async fn together(
    all: impl Iterator<Item = impl Future<Output = Result<(), Failed>>>,
) -> Result<(), Failed> {
    let mut waiting: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        let mut failed = None;
        waiting.retain_mut(|future| match future.as_mut().poll(cx) {
            std::task::Poll::Ready(ended) => {
                failed = failed.take().or(ended.err());
                false
            }
            std::task::Poll::Pending => true,
        });
        match failed {
            Some(failed) => std::task::Poll::Ready(Err(failed)),
            None if waiting.is_empty() => std::task::Poll::Ready(Ok(())),
            None => std::task::Poll::Pending,
        }
    })
    .await
}

fn purchases(count: usize) -> String {
    format!("{count} purchase{}", if count == 1 { "" } else { "s" })
}

/// How many signs a bar has.
const BAR: usize = 30;

/// A bar with its numbers; of none, all are done.
fn bar(done: usize, all: usize) -> String {
    let full = (done * BAR).checked_div(all).unwrap_or(BAR).min(BAR);
    format!("[{}{}] {done} of {}", "#".repeat(full), "-".repeat(BAR - full), purchases(all))
}

/// A bar that grows, for people who watch a terminal; for others one line that it has begun.
struct Progress {
    way: &'static str,
    all: usize,
    is_watched: bool,
}

impl Progress {
    fn of(way: &'static str, all: usize) -> Self {
        let is_watched = std::io::stderr().is_terminal();
        let new = Self { way, all, is_watched };
        if !is_watched {
            eprintln!("{way}: {} ...", purchases(all));
        }
        new.at(0);
        new
    }

    fn at(&self, done: usize) {
        self.say(&format!("{:<13} {}", self.way, bar(done, self.all)));
    }

    fn say(&self, text: &str) {
        if self.is_watched {
            let mut err = std::io::stderr();
            // Whoever closed the terminal does not watch.
            let _ = write!(err, "\r{text}\x1b[K");
            let _ = err.flush();
        }
    }
}

impl Drop for Progress {
    /// What is printed next begins at the beginning of the line.
    fn drop(&mut self) {
        self.say("");
    }
}

/// One purchase that completed and one that was taken back, each told both ways; the latter is one whose
/// card is declined, or if there is none another.
fn stories(shown: &[Shown]) -> Vec<Story> {
    let told = |(end, head): &(&str, &str)| {
        let first = shown.first()?;
        let ends = first.messages.iter().filter(|message| message.envelope.name == *end);
        let order = ends.min_by_key(|message| message.envelope.occurred_at)?;
        let order_id = order.envelope.correlation.clone();
        let column = |shown: &Shown| Column {
            way: shown.figures.way,
            lines: tell::lines(&shown.messages, &order_id),
        };
        let columns = shown.iter().map(column).collect();
        Some(Story { head: (*head).to_owned(), order_id: order_id.to_string(), columns })
    };
    let completed = [("order.shipped", "A purchase that completes")];
    let taken_back = [
        ("payment.declined", "A purchase that is taken back, for the card is declined"),
        ("order.cancelled", "A purchase that is taken back"),
        ("order.invalidated", "A purchase that is taken back, for a check has failed"),
    ];
    [completed.iter().find_map(told), taken_back.iter().find_map(told)]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn a_bar_grows_with_what_is_done() {
        let full = "#".repeat(30);
        assert_eq!(bar(0, 300), format!("[{}] 0 of 300 purchases", "-".repeat(30)));
        assert_eq!(bar(20, 300), format!("[##{}] 20 of 300 purchases", "-".repeat(28)));
        assert_eq!(bar(1, 1), format!("[{full}] 1 of 1 purchase"));
        assert_eq!(bar(0, 0), format!("[{full}] 0 of 0 purchases"));
    }
}
