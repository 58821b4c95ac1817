//! The report: one page of HTML that needs nothing else.

mod plots;
mod style;

use crate::figures::{Figures, rows};
use crate::purchases::Compared;
use crate::tell::{Column, Line, Story, time};
use plots::{Group, bars, distribution};
use std::fmt::Write;
use style::STYLE;

/// The page.
pub fn html(compared: &Compared) -> String {
    let all = &compared.figures;
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" \
         content=\"light dark\">\n<title>One purchase, two ways</title>\n<style>{STYLE}</style>\n\
         <main>\n<h1>One purchase, two ways</h1>\n<p class=\"lead\">The same orders, the same \
         domain code, the same auditor. Only the coordination differs: a coordinator that asks the \
         services one after the other, or services that react to each other's events.</p>\n"
    );
    html.push_str(&legend(all));
    html.push_str(&verdicts(all));
    html.push_str("<h2>Figures</h2>\n");
    html.push_str(&table(all));
    html.push_str(
        "<p class=\"note\">A hop is a message that follows from another. A commit is a transaction of \
         a service or of the coordinator; here, in one file, several of them share what goes to the \
         disk. Under load many purchases share a commit.</p>\n<div class=\"plots\">\n",
    );
    html.push_str(&figures(all));
    html.push_str(
        "</div>\n<h2>Two purchases, message by message</h2>\n<p>Made from the envelopes \
                   of the messages and from nothing else.</p>\n",
    );
    compared.stories.iter().for_each(|story| html.push_str(&told(story)));
    html.push_str("<h2>How it was measured</h2>\n<table class=\"setting\">\n");
    for (name, text) in compared.setting.lines() {
        let _ = writeln!(html, "<tr><th scope=\"row\">{name}</th><td>{}</td></tr>", escape(&text));
    }
    html.push_str("</table>\n");
    if !compared.faults.is_empty() {
        let faults: String =
            compared.faults.iter().map(|told| format!("<li>{}</li>", escape(told))).collect();
        let _ = writeln!(html, "<h2>Lines that are no orders</h2>\n<ul>{faults}</ul>");
    }
    html.push_str("</main>\n</html>\n");
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn legend(all: &[Figures]) -> String {
    let chip = |figures: &Figures| format!("<span class=\"chip {0}\"></span>{0}", figures.way);
    let chips: Vec<String> = all.iter().map(chip).collect();
    format!("<p class=\"legend\">{}</p>\n", chips.join(" &nbsp; "))
}

fn verdicts(all: &[Figures]) -> String {
    let invariants = shop::audit::INVARIANTS.len();
    let mut html = String::from("<div class=\"verdicts\">\n");
    for figures in all {
        let (class, said) = match figures.breaches.len() {
            0 => ("well", format!("nothing wrong, by any of {invariants} invariants")),
            some => ("ill", format!("{some} found")),
        };
        let _ = writeln!(
            html,
            "<p class=\"verdict {class}\"><b>The auditor of the {} books:</b> {said}</p>",
            figures.way
        );
        for breach in &figures.breaches {
            let _ = writeln!(html, "<p class=\"breach\">{}</p>", escape(breach));
        }
    }
    html.push_str("</div>\n");
    html
}

fn table(all: &[Figures]) -> String {
    let heads: String = all.iter().map(|f| format!("<th scope=\"col\">{}</th>", f.way)).collect();
    let mut html = format!("<table class=\"figures\">\n<tr><td></td>{heads}</tr>\n");
    for (name, cells) in rows(all) {
        let class = if name.starts_with(' ') { " class=\"part\"" } else { "" };
        let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        let name = escape(name.trim());
        let _ = writeln!(html, "<tr{class}><th scope=\"row\">{name}</th>{cells}</tr>");
    }
    html.push_str("</table>\n");
    html
}

/// All plots.
fn figures(all: &[Figures]) -> String {
    let group = |name: &str, value: fn(&Figures) -> f64| Group {
        name: name.to_owned(),
        bars: all.iter().map(|f| (f.way, value(f))).collect(),
    };
    let mut outcomes = vec![group("completed", |f| f.completed as f64)];
    let mut reasons: Vec<&String> = all.iter().flat_map(|f| f.refused.keys()).collect();
    reasons.sort();
    reasons.dedup();
    outcomes.extend(reasons.into_iter().map(|reason| Group {
        name: reason.clone(),
        bars: all.iter().map(|f| (f.way, *f.refused.get(reason).unwrap_or(&0) as f64)).collect(),
    }));
    let each = |f: &Figures, count: usize| count as f64 / f.purchases.max(1) as f64;
    let kinds: [(&str, fn(&Figures) -> usize); 3] =
        [("facts", |f| f.facts), ("commands", |f| f.commands), ("replies", |f| f.replies)];
    let mut messages = vec![group("all", Figures::messages_each)];
    messages.extend(kinds.map(|(name, count)| Group {
        name: name.to_owned(),
        bars: all.iter().map(|f| (f.way, each(f, count(f)))).collect(),
    }));
    let is_loaded = all.iter().any(|f| !f.latencies_ms.is_empty());
    let mut latencies = vec![group("alone, median", |f| f.latency_alone_ms)];
    if is_loaded {
        latencies.push(group("load, p50", |f| f.latency_p50_ms));
        latencies.push(group("load, p95", |f| f.latency_p95_ms));
    }
    let mut plots = vec![bars("Latency from the order to the parcel", "ms", &latencies)];
    if is_loaded {
        let rate = [group("", |f| f.per_second)];
        plots.push(distribution("Latency under load: purchases that had completed by then", all));
        plots.push(bars("Purchases ended under load", "a second", &rate));
    }
    plots.extend([
        bars("How purchases ended, and who said no", "purchases", &outcomes),
        bars("Messages of a purchase, on average", "messages", &messages),
        bars("Longest chain from the order to the parcel", "hops", &[group("", |f| f.hops.into())]),
        bars("Commits of a purchase alone", "commits", &[group("", |f| f.commits_alone)]),
        bars("Coordination code", "lines", &[group("", |f| f.lines_of_coordination as f64)]),
    ]);
    plots.concat()
}

/// A story, its columns side by side where there is room.
fn told(story: &Story) -> String {
    let columns: String = story.columns.iter().map(column).collect();
    format!(
        "<h3>{} <small>{}</small></h3>\n<div class=\"story\">\n{columns}</div>\n",
        escape(&story.head),
        escape(&story.order_id)
    )
}

fn column(column: &Column) -> String {
    let line = |line: &Line| {
        let because = line.because.map(|cause| format!("&larr; {cause}")).unwrap_or_default();
        let (at, who, what) = (time(line.at_ms), escape(&line.who), escape(&line.what));
        let number = line.number;
        format!(
            "<tr><td>{number}</td><td>{at}</td><td>{who}</td><td>{what}</td><td>{because}</td></tr>\n"
        )
    };
    let lines: String = column.lines.iter().map(line).collect();
    let count = column.lines.len();
    format!(
        "<table class=\"told {0}\">\n<caption>{0}, {count} messages</caption>\n<tr><th>no</th>\
         <th>after</th><th>who</th><th>what</th><th>upon</th></tr>\n{lines}</table>\n",
        column.way
    )
}
