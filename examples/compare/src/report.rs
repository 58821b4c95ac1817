//! The report: one page of HTML that needs nothing else.

use crate::figures::Figures;
use std::fmt::Write;

/// Everything that the page shows.
pub struct Page<'a> {
    pub figures: &'a [Figures],
    pub table: &'a str,
    /// A heading and a transcript.
    pub stories: &'a [(String, String)],
    pub coordination: &'a [(&'static str, usize)],
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;\
padding:0 1rem;color:#1c2733}pre{background:#f5f7f9;padding:1rem;overflow-x:auto;font-size:13px;\
line-height:1.35}h1,h2{line-height:1.2}.plots{display:flex;flex-wrap:wrap;gap:2rem}\
figcaption{font-size:14px;color:#52606d}svg text{font:12px system-ui,sans-serif;fill:#1c2733}";

const COLOURS: [&str; 2] = ["#2b6cb0", "#c05621"];

/// The page.
pub fn html(page: &Page<'_>) -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>ballet: one purchase, two \
         ways</title><style>{STYLE}</style><h1>One purchase, two ways</h1><p>The same orders, the \
         same domain code, the same auditor; only the coordination differs: a coordinator that \
         asks, or services that react to each other (without a tracker). Both ran on the embedded \
         store and broker, one SQLite file each.</p>"
    );
    let _ = write!(html, "<h2>Figures</h2><pre>{}</pre>", escape(page.table));
    html.push_str("<div class=\"plots\">");
    html.push_str(&latencies(page.figures));
    html.push_str(&bars("Messages a purchase", page.figures, Figures::messages_each));
    html.push_str(&bars("Hops to the parcel", page.figures, |f| f64::from(f.hops)));
    html.push_str("</div><h2>The auditor</h2><ul>");
    for figures in page.figures {
        let verdict = match figures.breaches.is_empty() {
            true => "nothing to say: every invariant holds".to_owned(),
            false => figures.breaches.join("; "),
        };
        let _ = write!(html, "<li>{}: {}</li>", figures.way, escape(&verdict));
    }
    html.push_str("</ul><h2>Lines of coordination</h2><ul>");
    for (way, lines) in page.coordination {
        let _ = write!(html, "<li>{way}: {lines}</li>");
    }
    html.push_str("</ul>");
    for (head, story) in page.stories {
        let _ = write!(html, "<h2>{}</h2><pre>{}</pre>", escape(head), escape(story));
    }
    html.push_str("</html>\n");
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The share of completed purchases that had come to their end by then.
fn latencies(all: &[Figures]) -> String {
    let longest = all.iter().filter_map(|f| f.latencies_ms.last()).fold(1.0, |a: f64, b| a.max(*b));
    let mut svg = frame("Latency of completed purchases: share that had ended by then");
    for (at, figures) in all.iter().enumerate() {
        let count = figures.latencies_ms.len().max(1) as f64;
        let mut points = String::from("40,180");
        for (rank, ms) in figures.latencies_ms.iter().enumerate() {
            let (x, y) = (40.0 + 360.0 * ms / longest, 180.0 - 160.0 * (rank + 1) as f64 / count);
            let _ = write!(points, " {x:.1},{y:.1}");
        }
        let (colour, y) = (COLOURS[at % 2], 200 + 16 * at);
        let _ = write!(
            svg,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <rect x=\"40\" y=\"{}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
             <text x=\"56\" y=\"{}\">{}</text>",
            y,
            y + 9,
            figures.way
        );
    }
    let _ = write!(
        svg,
        "<path d=\"M40 20V180H400\" fill=\"none\" stroke=\"#9aa5b1\"/><text x=\"8\" y=\"26\">100%</text>\
         <text x=\"360\" y=\"196\">{longest:.0} ms</text></svg></figure>"
    );
    svg
}

fn frame(caption: &str) -> String {
    format!(
        "<figure><figcaption>{caption}</figcaption><svg width=\"420\" height=\"240\" role=\"img\" \
         aria-label=\"{caption}\">"
    )
}

fn bars(caption: &str, all: &[Figures], value: impl Fn(&Figures) -> f64) -> String {
    let most = all.iter().map(&value).fold(1.0, f64::max);
    let mut svg = frame(caption);
    for (at, figures) in all.iter().enumerate() {
        let (value, y) = (value(figures), 30 + 60 * at);
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"{}\">{}</text><rect x=\"110\" y=\"{y}\" width=\"{:.1}\" height=\"30\" \
             fill=\"{}\"/><text x=\"{:.1}\" y=\"{}\">{value:.1}</text>",
            y + 20,
            figures.way,
            240.0 * value / most,
            COLOURS[at % 2],
            118.0 + 240.0 * value / most,
            y + 20
        );
    }
    svg.push_str("</svg></figure>");
    svg
}
