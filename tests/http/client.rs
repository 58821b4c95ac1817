//! A client of a few lines: one request, one connection.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What was answered.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    head: String,
    pub(crate) text: String,
}

impl Said {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The text at a place of the answer, as `/ending/reason`.
    pub(crate) fn at(&self, place: &str) -> String {
        match self.json().pointer(place) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => format!("nothing at {place}"),
        }
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// Asks, and waits for the answer in a thread of its own.
pub(crate) async fn ask(
    at: SocketAddr,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &str,
) -> Said {
    try_ask(at, method, path, key, body).await.unwrap_or_else(|told| panic!("{told}"))
}

/// The same of somebody who may be dying: an answer that is cut off is none.
pub(crate) async fn try_ask(
    at: SocketAddr,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &str,
) -> std::io::Result<Said> {
    let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{key}Content-Length: \
         {length}\r\n\r\n{body}"
    );
    let asked = tokio::task::spawn_blocking(move || talk(at, &text));
    asked.await.expect("the client does not panic")
}

fn talk(at: SocketAddr, text: &str) -> std::io::Result<Said> {
    let mut wire = TcpStream::connect(at)?;
    wire.set_read_timeout(Some(Duration::from_secs(60)))?;
    // A server that has heard enough stops listening before everything is said.
    let _ = wire.write_all(text.as_bytes());
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = wire.read(&mut piece) {
        said.extend_from_slice(&piece[..length]);
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    let nothing = || std::io::Error::other(format!("no answer: `{said}`"));
    let (head, text) = said.split_once("\r\n\r\n").ok_or_else(nothing)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(nothing)?;
    let said = Said { status, head: head.to_owned(), text: text.to_owned() };
    let length = said.header("content-length").and_then(|length| length.parse().ok());
    match length.is_none_or(|length: usize| length == said.text.len()) {
        true => Ok(said),
        false => Err(std::io::Error::other(format!("cut off: {said:?}"))),
    }
}
