//! What a request to buy must look like.
//!
//! Only what is not an order at all is sent back here: no JSON, fields that are missing or unknown
//! or of another type. Whether it is an order that we want is for the checks to say, in public.

use crate::contracts::{CustomerId, Line};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

/// What somebody wants to buy. It says nothing of where the order stands: that is for Orders alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// Who buys.
    pub customer_id: CustomerId,
    /// What is bought.
    pub lines: Vec<Line>,
    /// What it costs, in minor units.
    pub total_minor: i64,
    /// The currency of all prices, as `USD`.
    pub currency: String,
}

/// Why a body is not an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoOrder {
    /// Where, as `lines[0].qty`; empty for the body itself.
    pub field: String,
    /// What is wrong there.
    pub reason: &'static str,
}

impl fmt::Display for NoOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.is_empty() {
            true => write!(f, "the body {}", self.reason),
            false => write!(f, "`{}` {}", self.field, self.reason),
        }
    }
}

impl std::error::Error for NoOrder {}

/// Reads the body of a request.
///
/// # Errors
///
/// The first field that makes it something else than an order.
pub fn parse(body: &[u8]) -> Result<NewOrder, NoOrder> {
    let value = serde_json::from_slice(body)
        .map_err(|_| NoOrder { field: String::new(), reason: "is not JSON" })?;
    let mut order = Fields::of(String::new(), value)?;
    let lines = order.take(
        "lines",
        |value| match value {
            Value::Array(lines) => Some(lines),
            _ => None,
        },
        "must be a list",
    )?;
    let lines = lines.into_iter().enumerate();
    let read = NewOrder {
        customer_id: order.text("customer_id")?,
        lines: lines.map(|(at, value)| line(at, value)).collect::<Result<_, _>>()?,
        total_minor: order.number("total_minor")?,
        currency: order.text("currency")?,
    };
    order.end()?;
    Ok(read)
}

/// Reads orders, one a line, each with the number of its line from 1. Blank lines are passed over, and what
/// is no text is a line like others that is no order.
///
/// # Errors
///
/// What the operating system says.
pub fn lines(
    from: impl Read,
) -> impl Iterator<Item = io::Result<(usize, Result<NewOrder, NoOrder>)>> {
    let lines = (1..).zip(BufReader::new(from).split(b'\n'));
    lines.filter_map(|(number, line)| match line {
        Ok(line) if line.trim_ascii().is_empty() => None,
        Ok(line) => Some(Ok((number, parse(&line)))),
        Err(told) => Some(Err(told)),
    })
}

fn line(at: usize, value: Value) -> Result<Line, NoOrder> {
    let mut line = Fields::of(format!("lines[{at}]"), value)?;
    let read = Line {
        sku: line.text("sku")?,
        qty: line.number("qty")?,
        unit_price_minor: line.number("unit_price_minor")?,
    };
    line.end()?;
    Ok(read)
}

/// The fields of an object that were not read yet.
struct Fields {
    path: String,
    rest: Map<String, Value>,
}

impl Fields {
    fn of(path: String, value: Value) -> Result<Self, NoOrder> {
        match value {
            Value::Object(rest) => Ok(Self { path, rest }),
            _ => Err(NoOrder { field: path, reason: "must be an object" }),
        }
    }

    fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn take<T>(
        &mut self,
        name: &str,
        read: fn(Value) -> Option<T>,
        must: &'static str,
    ) -> Result<T, NoOrder> {
        let no = |reason| NoOrder { field: self.path(name), reason };
        let missing = no("is missing");
        let wrong = no(must);
        read(self.rest.remove(name).ok_or(missing)?).ok_or(wrong)
    }

    fn text(&mut self, name: &str) -> Result<String, NoOrder> {
        let read = |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        self.take(name, read, "must be text")
    }

    fn number(&mut self, name: &str) -> Result<i64, NoOrder> {
        self.take(name, |value| value.as_i64(), "must be a whole number")
    }

    /// Fields that nobody reads are refused: whoever sends a `status` believes that it counts.
    fn end(self) -> Result<(), NoOrder> {
        match self.rest.keys().next() {
            None => Ok(()),
            Some(name) => Err(NoOrder { field: self.path(name), reason: "is not a field of it" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    const FINE: &str = r#"{"customer_id":"c7","total_minor":109900,"currency":"USD",
        "lines":[{"sku":"ipad","qty":1,"unit_price_minor":109900}]}"#;

    #[track_caller]
    fn refused(body: &str, why: &str) {
        assert_eq!(parse(body.as_bytes()).unwrap_err().to_string(), why);
    }

    #[test]
    fn an_order_is_read() {
        let order = parse(FINE.as_bytes()).unwrap();
        assert_eq!((order.customer_id.as_str(), order.lines[0].qty), ("c7", 1));
    }

    #[test]
    fn what_is_not_an_order_is_refused_by_field_and_reason() {
        refused("{", "the body is not JSON");
        refused("[]", "the body must be an object");
        refused(&FINE.replace("\"customer_id\":\"c7\",", ""), "`customer_id` is missing");
        refused(&FINE.replace("\"c7\"", "7"), "`customer_id` must be text");
        refused(&FINE.replace(":1,", ":1.5,"), "`lines[0].qty` must be a whole number");
        refused(&FINE.replace("\"sku\":\"ipad\",", ""), "`lines[0].sku` is missing");
        refused(&FINE.replace("[{", "[7,{"), "`lines[0]` must be an object");
        refused(
            &FINE.replace("\"USD\"", "\"USD\",\"status\":\"valid\""),
            "`status` is not a field of it",
        );
    }

    #[test]
    fn an_order_that_we_do_not_want_is_still_an_order() {
        assert_eq!(parse(FINE.replace(":1,", ":-1,").as_bytes()).unwrap().lines[0].qty, -1);
        assert_eq!(parse(FINE.replace("\"c7\"", "\"\"").as_bytes()).unwrap().customer_id, "");
        let empty = FINE.replace(r#"{"sku":"ipad","qty":1,"unit_price_minor":109900}"#, "");
        assert!(parse(empty.as_bytes()).unwrap().lines.is_empty());
    }
}
