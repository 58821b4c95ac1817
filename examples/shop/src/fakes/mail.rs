//! Mail: it carries letters, each once for each key.

use crate::fakes::{Outage, Wire, lock};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A letter that was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Where to.
    pub to: String,
    /// What it says.
    pub text: String,
}

/// Mail.
#[derive(Debug, Default)]
pub struct Mail {
    /// Down, slow, or up.
    pub wire: Wire,
    letters: Mutex<BTreeMap<String, Posted>>,
}

impl Mail {
    /// Carries a letter.
    ///
    /// # Errors
    ///
    /// Nobody answers.
    pub async fn send(&self, key: &str, to: &str, text: &str) -> Result<(), Outage> {
        self.wire.reach().await?;
        let letter = || Posted { to: to.to_owned(), text: text.to_owned() };
        lock(&self.letters).entry(key.to_owned()).or_insert_with(letter);
        Ok(())
    }

    /// All letters that were ever sent, by their keys.
    #[must_use]
    pub fn sent(&self) -> BTreeMap<String, Posted> {
        lock(&self.letters).clone()
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
            assert_eq!(at_once(mail.send("1:shipped", "eva@shop.example", "hello")), Some(Ok(())));
        }
        assert_eq!(mail.sent().len(), 1);
        assert_eq!(mail.wire.calls(), 3);
    }
}
