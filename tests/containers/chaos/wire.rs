//! A client of the shop who may be left without an answer.

use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What was answered.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Said {
    /// The text at a place of the answer, as `/status`.
    pub(super) fn at(&self, place: &str) -> Option<String> {
        let json: Value = serde_json::from_str(&self.text).ok()?;
        json.pointer(place)?.as_str().map(str::to_owned)
    }
}

/// Something to ask.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ask<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) key: Option<&'a str>,
    pub(super) body: &'a str,
}

impl<'a> Ask<'a> {
    pub(super) fn get(path: &'a str) -> Self {
        Self { method: "GET", path, ..Self::default() }
    }
}

/// Asks, and waits so long. An answer that is cut off is none.
pub(super) async fn ask(at: SocketAddr, ask: Ask<'_>, within: Duration) -> io::Result<Said> {
    let Ask { method, path, key, body } = ask;
    let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{key}Content-Length: \
         {}\r\n\r\n{body}",
        body.len()
    );
    let talking = async {
        let mut wire = TcpStream::connect(at).await?;
        wire.write_all(text.as_bytes()).await?;
        let mut said = Vec::new();
        wire.read_to_end(&mut said).await?;
        read(&String::from_utf8_lossy(&said))
    };
    match tokio::time::timeout(within, talking).await {
        Ok(said) => said,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn read(said: &str) -> io::Result<Said> {
    let cut_off = || io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut off");
    let (head, text) = said.split_once("\r\n\r\n").ok_or_else(cut_off)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().and_then(|(_, length)| length.parse().ok());
    match length.is_none_or(|length: usize| length == text.len()) {
        true => Ok(Said { status: status.ok_or_else(cut_off)?, text: text.to_owned() }),
        false => Err(cut_off()),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn an_answer_that_is_cut_off_is_none() {
        let whole = "HTTP/1.1 202 Accepted\r\ncontent-length: 14\r\n\r\n{\"status\":\"a\"}";
        let said = read(whole).unwrap();
        assert_eq!((said.status, said.at("/status").as_deref()), (202, Some("a")));
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length}");
        }
    }
}
