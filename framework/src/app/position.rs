//! Positions: what a client holds in its hand to read its own writes.

use crate::app::look::Wanted;
use crate::app::running::Running;
use crate::clock::Stopwatch;
use crate::engine::{RequestRow, Version};
use crate::error::{Error, ErrorKind};
use crate::message::{Record, Reply};
use crate::reactor::Reactor;
use crate::store::Slot;
use crate::table::{Table, TableKey};
use bytes::Bytes;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Where a request stands among everything that its store takes in.
///
/// It is written as text of letters and digits, and read from it again; what is in it is nobody's
/// business. It is good in every process on the same store, also after a restart, as long as answers are
/// kept.
///
/// ```
/// assert!("nowhere".parse::<ballet::Position>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    service: String,
    request: String,
}

/// Between the two in the text, before that is made hexadecimal. No service has it in its name.
const BETWEEN: char = '\0';

impl Position {
    pub(super) fn new(service: &str, request: &str) -> Self {
        Self { service: service.to_owned(), request: request.to_owned() }
    }

    /// Where the answer is written down, in the transaction of all that the request changes.
    pub(super) fn slot(&self) -> Slot {
        RequestRow::slot(&self.service, &self.request)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, request } = self;
        let text = format!("{service}{BETWEEN}{request}");
        text.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let told = || Error::new(ErrorKind::Codec, "this is no position: give it as it was given");
        let text = bytes_of(text).and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(told)?;
        let (service, request) = text.split_once(BETWEEN).ok_or_else(told)?;
        Ok(Self::new(service, request))
    }
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(byte).collect()
}

impl Running {
    /// Waits until the request at a position was answered, so long, and says whether it was. What is read
    /// after that is at least as new as all that the request has changed in its service, by whatever
    /// process on the same store; what follows from it elsewhere comes later.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; the position is good in every process and after every restart.
    pub async fn reached(&self, position: &Position, within: Duration) -> Result<bool, Error> {
        let slot = position.slot();
        let wanted = Wanted::at(&slot, Version::Every);
        Ok(self.answer_at(wanted, within).await?.is_some())
    }

    /// As [`watch`](Running::watch), but not before a position: the row is at least as new as all that the
    /// request there has changed, and is as `until` wants it. `None` if that is not so in time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; whoever asks again is told how it is then.
    pub async fn watch_since<R: Reactor, K: TableKey, V: Record>(
        &self,
        table: Table<K, V>,
        key: &K,
        position: Option<&Position>,
        within: Duration,
        until: impl Fn(&V) -> bool,
    ) -> Result<Option<V>, Error> {
        let waited = Stopwatch::start();
        if let Some(position) = position
            && !self.reached(position, within).await?
        {
            return Ok(None);
        }
        let left = within.saturating_sub(waited.elapsed());
        self.watch::<R, K, V>(table, key, left, until).await
    }

    /// What was answered at the slot of a position, as soon as it is, within so long.
    pub(super) async fn answer_at(
        &self,
        wanted: Wanted<'_>,
        within: Duration,
    ) -> Result<Option<Reply>, Error> {
        let slot = wanted.slot;
        let answered = |body: Option<&Bytes>| match slot.read::<RequestRow>(body?) {
            Ok(row) => row.reply.map(Ok),
            Err(told) => Some(Err(told)),
        };
        self.wait_for(wanted, within, answered).await?.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        for request in ["", "order/1", "a \u{0} b", "größer ✓"] {
            let position = Position::new("orders", request);
            let text = position.to_string();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
            assert_eq!(text.parse::<Position>().unwrap(), position);
        }
    }

    #[test]
    fn what_is_no_position_is_named_so() {
        for text in ["", "6", "zz", "6f7264", "6f7", "ff00", "6f00ff", "+f00", "✓"] {
            let told = text.parse::<Position>().unwrap_err();
            assert_eq!(told.to_string(), "this is no position: give it as it was given", "{text}");
        }
    }
}
