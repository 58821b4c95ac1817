//! Mail: it carries letters, each once for each key.

use crate::fakes::ledger::Ledger;
use crate::fakes::{Outage, Wire, lock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Mutex;

/// A letter that was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// Where to.
    pub to: String,
    /// What it says.
    pub text: String,
    /// The trace that it was sent in.
    #[serde(default)]
    pub traceparent: Option<String>,
}

/// Mail.
#[derive(Debug, Default)]
pub struct Mail {
    /// Down, slow, or up.
    pub wire: Wire,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// By the keys under which they were posted.
    letters: BTreeMap<String, Posted>,
    ledger: Ledger,
}

impl Mail {
    /// Mail that keeps its books in this file, and so outlives the process.
    ///
    /// # Errors
    ///
    /// What the operating system says; that these are no such books.
    pub fn kept_in(path: impl AsRef<Path>) -> io::Result<Self> {
        let (ledger, entries) = Ledger::open(path)?;
        let letters = entries.into_iter().collect();
        Ok(Self { wire: Wire::default(), books: Mutex::new(Books { letters, ledger }) })
    }

    /// Carries a letter.
    ///
    /// # Errors
    ///
    /// Nobody answers.
    pub async fn send(
        &self,
        key: &str,
        to: &str,
        text: &str,
        traceparent: Option<&str>,
    ) -> Result<(), Outage> {
        let _reached = self.wire.reach().await?;
        let Books { letters, ledger } = &mut *lock(&self.books);
        let (_turn, others) = ledger.turn()?;
        letters.extend(others);
        if !letters.contains_key(key) {
            let traceparent = traceparent.map(str::to_owned);
            let letter = Posted { to: to.to_owned(), text: text.to_owned(), traceparent };
            ledger.note(&(key, &letter))?;
            letters.insert(key.to_owned(), letter);
        }
        Ok(())
    }

    /// All letters that were ever sent, by their keys.
    #[must_use]
    pub fn sent(&self) -> BTreeMap<String, Posted> {
        lock(&self.books).letters.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::Mail;
    use crate::testing::at_once;

    #[test]
    fn a_letter_is_sent_once_for_each_key() {
        let mail = Mail::default();
        for _ in 0..3 {
            let sent = mail.send("1:shipped", "eva@shop.example", "hello", None);
            assert_eq!(at_once(sent), Some(Ok(())));
        }
        assert_eq!(mail.sent().len(), 1);
        assert_eq!(mail.wire.calls(), 3);
    }
}
