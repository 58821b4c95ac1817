//! Drawing a plan, in Mermaid: what you see is what `decide` follows.

use crate::saga::Saga;
use crate::saga::plan::Plan;
use crate::saga::shape::{Back, Head, Shape, StepShape};
use std::fmt::Write;

impl<S: Saga> Plan<S> {
    /// The plan as a Mermaid flowchart: solid arrows go forward, dotted ones back.
    ///
    /// Keep the drawing in your docs and compare it in a test; a stale one fails.
    #[must_use]
    pub fn draw(&self) -> String {
        draw(self.shape())
    }
}

/// Draws a shape.
fn draw(shape: &Shape) -> String {
    let mut text = String::from("flowchart TD\n");
    for group in 0..shape.groups() {
        let members: Vec<usize> = shape.members(group).collect();
        if members.len() > 1 {
            let _ = writeln!(text, "    subgraph together{group}[together]");
        }
        for step in &members {
            let indent = if members.len() > 1 { "        " } else { "    " };
            let _ = writeln!(text, "{indent}{}", node(*step, &shape.steps[*step]));
        }
        if members.len() > 1 {
            text.push_str("    end\n");
        }
    }
    for (at, step) in shape.steps.iter().enumerate() {
        for next in shape.members(step.group + 1) {
            let _ = writeln!(text, "    s{at} --> s{next}");
        }
    }
    for (at, step) in shape.steps.iter().enumerate() {
        if let Some(back) = back(step) {
            let _ = writeln!(text, "    s{at} -.-> u{at}({back})");
        }
    }
    text
}

fn node(at: usize, step: &StepShape) -> String {
    let how = match step.head {
        Head::Begun => "begun".to_owned(),
        Head::Act => "act".to_owned(),
        Head::Ask { command, to } => format!("ask {to}: {command}"),
        Head::Tell { command, to } => format!("tell {to}: {command}"),
        Head::Hear => "hear".to_owned(),
    };
    let when = if step.sometimes { " when needed" } else { "" };
    let label = format!("\"{}<br/>{how}{when}\"", step.name);
    match step.pivot {
        true => format!("s{at}{{{{{label}}}}}"),
        false => format!("s{at}[{label}]"),
    }
}

fn back(step: &StepShape) -> Option<String> {
    match step.back {
        Back::Nothing => None,
        Back::Act => Some(format!("\"compensate {}\"", step.name)),
        Back::Ask { command, to } => Some(format!("\"ask {to}: {command}\"")),
    }
}
