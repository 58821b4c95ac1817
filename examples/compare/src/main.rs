//! The iPad purchase both ways, side by side: two purchases told, a few hundred counted, all audited.

mod figures;
mod options;
mod orders;
mod report;
mod stand;
mod tell;

use crate::figures::Figures;
use crate::options::{HELP, Options};
use crate::orders::Wanted;
use crate::stand::Stand;
use ballet::Message;
use shop::cast::Cast;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How many purchases are under way at a time.
const AT_ONCE: usize = 100;

/// How many plain purchases go first, each alone: the first of them is told.
const ALONE: usize = 5;

/// Both ways of doing it.
const WAYS: [(&str, Cast); 2] =
    [("orchestrated", orchestrated::CAST), ("choreographed", choreographed::CAST)];

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(told) => {
            eprintln!("{told}");
            return ExitCode::from(2);
        }
    };
    if options.help {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match compare(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(told) => {
            eprintln!("{told}");
            ExitCode::from(1)
        }
    }
}

/// What one way of doing it has to show.
struct Shown {
    figures: Figures,
    messages: Vec<Message>,
}

/// Runs, tells, counts. Says whether all is well.
async fn compare(options: &Options) -> Result<bool, Failed> {
    let (wanted, faults) = orders::gather(&options.source)?;
    for fault in &faults {
        eprintln!("not an order, {fault}");
    }
    let mut shown = Vec::new();
    for (way, cast) in WAYS {
        if options.only.as_ref().is_none_or(|only| only == way) {
            shown.push(run(way, cast, &wanted).await?);
        }
    }
    let stories = stories(&shown);
    let figures: Vec<Figures> = shown.into_iter().map(|shown| shown.figures).collect();
    let table = figures::table(&figures);
    let coordination = coordination();
    let page = report::Page {
        figures: &figures,
        table: &table,
        stories: &stories,
        coordination: &coordination,
    };
    std::fs::write(&options.report, report::html(&page))
        .map_err(|told| format!("the report `{}`: {told}", options.report.display()))?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print(&stories, &table, &figures, &options.report);
    }
    Ok(faults.is_empty() && figures.iter().all(|figures| figures.breaches.is_empty()))
}

fn print(stories: &[(String, String)], table: &str, figures: &[Figures], report: &Path) {
    for (head, story) in stories {
        println!("{head}\n\n{story}\n");
    }
    println!("{table}\n");
    for figures in figures {
        match figures.breaches.is_empty() {
            true => println!("the auditor of {}: every invariant holds", figures.way),
            false => {
                println!("the auditor of {}:\n  {}", figures.way, figures.breaches.join("\n  "))
            }
        }
    }
    println!("\nreport: {}", report.display());
}

/// Runs all purchases one way, on a fresh file.
async fn run(way: &'static str, cast: Cast, wanted: &[Wanted]) -> Result<Shown, Failed> {
    let folder = std::env::temp_dir().join(format!("ballet-{}-{way}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let stand = Stand::open(cast, &folder.join("shop.db"), wanted).await?;
    for wanted in wanted {
        stand.admit(wanted).await?;
    }
    let (alone, rest) = cast_alone(wanted);
    for wanted in &alone {
        stand.place(wanted).await?;
        stand.end_of(&wanted.order_id).await?;
    }
    for (at, some) in rest.chunks(AT_ONCE).enumerate() {
        let places = some.iter().map(|wanted| stand.place(wanted));
        together(places).await?;
        for (done, wanted) in some.iter().enumerate() {
            stand.end_of(&wanted.order_id).await?;
            progress(way, alone.len() + at * AT_ONCE + done + 1);
        }
    }
    let books = stand.books().await?;
    let figures = Figures::of(way, &books, stand.batches(), &ids(&alone), &ids(&rest));
    stand.close().await;
    std::fs::remove_dir_all(&folder)?;
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

/// A line that counts up, for people who watch.
fn progress(way: &str, done: usize) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        // Whoever closed the terminal does not watch.
        let _ = write!(err, "\r{way:<14} {done:>6} purchases\x1b[K");
        let _ = err.flush();
    }
}

/// One purchase that completed and one that was taken back, each told both ways.
fn stories(shown: &[Shown]) -> Vec<(String, String)> {
    let told = |end: &str| {
        let first = shown.first()?;
        let ends = first.messages.iter().filter(|message| message.envelope.name == end);
        let order = &ends.min_by_key(|message| message.envelope.occurred_at)?.envelope.correlation;
        let column = |shown: &Shown| (shown.figures.way, tell::lines(&shown.messages, order));
        let columns: Vec<(&str, Vec<String>)> = shown.iter().map(column).collect();
        Some((order.clone(), tell::columns(&columns)))
    };
    let mut stories = Vec::new();
    for (end, head) in [
        ("order.shipped", "A purchase that completes"),
        ("payment.declined", "A purchase that is taken back: the card is declined"),
    ] {
        if let Some((order, story)) = told(end) {
            stories.push((format!("{head} ({order}; ms, who, what < because of what)"), story));
        }
    }
    stories
}

/// The lines of the coordination code of both ways, without blank lines and comments.
fn coordination() -> Vec<(&'static str, usize)> {
    let count = |files: &[&str]| {
        let lines = files.iter().flat_map(|file| file.lines().map(str::trim));
        lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count()
    };
    vec![
        ("orchestrated", count(orchestrated::SOURCES)),
        ("choreographed", count(choreographed::SOURCES)),
    ]
}
