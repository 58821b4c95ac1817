//! The payment provider: it keeps money ready, takes it, or lets it go, each once for each key.

use crate::fakes::{Outage, Wire, lock};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// What the provider says to an authorisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charge {
    /// The money is kept ready.
    Approved {
        /// The number under which it is.
        auth_ref: String,
    },
    /// It is not.
    Declined {
        /// Why.
        code: String,
    },
}

/// What the provider says to a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// The money was taken.
    Taken {
        /// The number under which it was.
        capture_ref: String,
    },
    /// It is not kept ready any more.
    Expired,
}

/// What became of money that was kept ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It still is.
    Open,
    /// It was taken.
    Captured,
    /// It was let go.
    Voided,
}

/// Money that was kept ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Whose.
    pub payer: String,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// What became of it.
    pub held: Held,
    /// The keys under which it was taken or let go: one at most, if nobody does it twice.
    pub settled_by: Vec<String>,
}

/// The payment provider.
#[derive(Debug, Default)]
pub struct Provider {
    /// Down, slow, or up.
    pub wire: Wire,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    authorizations: BTreeMap<String, Authorization>,
    charges: BTreeMap<String, Charge>,
    captures: BTreeMap<String, Capture>,
    voids: BTreeSet<String>,
    declined: BTreeSet<String>,
    expired: BTreeSet<String>,
    lost_answers: u32,
}

impl Books {
    /// The answer gets lost on its way, as often as the dial says. What was done stays done.
    fn answer<T>(&mut self, answer: T) -> Result<T, Outage> {
        match self.lost_answers.checked_sub(1) {
            None => Ok(answer),
            Some(left) => {
                self.lost_answers = left;
                Err(Outage("timed out"))
            }
        }
    }

    fn charge(&mut self, key: &str, payer: &str, amount_minor: i64) -> Charge {
        if self.declined.contains(payer) {
            return Charge::Declined { code: "insufficient_funds".to_owned() };
        }
        let auth_ref = format!("auth/{key}");
        let held = Held::Open;
        let (payer, settled_by) = (payer.to_owned(), Vec::new());
        let authorization = Authorization { payer, amount_minor, held, settled_by };
        self.authorizations.insert(auth_ref.clone(), authorization);
        Charge::Approved { auth_ref }
    }

    fn capture(&mut self, key: &str, auth_ref: &str) -> Capture {
        match self.authorizations.get_mut(auth_ref) {
            Some(open) if open.held == Held::Open && !self.expired.contains(&open.payer) => {
                open.held = Held::Captured;
                open.settled_by.push(key.to_owned());
                Capture::Taken { capture_ref: format!("capture/{key}") }
            }
            _ => Capture::Expired,
        }
    }
}

impl Provider {
    /// Declines whatever this customer is to pay.
    pub fn decline(&self, payer: &str) {
        lock(&self.books).declined.insert(payer.to_owned());
    }

    /// Lets authorisations of this customer expire before they are captured.
    pub fn expire(&self, payer: &str) {
        lock(&self.books).expired.insert(payer.to_owned());
    }

    /// Loses the next so many answers, after having done what it was asked.
    pub fn lose_answers(&self, times: u32) {
        lock(&self.books).lost_answers = times;
    }

    /// Keeps money ready.
    ///
    /// # Errors
    ///
    /// Nobody answers, whether or not it was done.
    pub async fn authorize(&self, key: &str, payer: &str, minor: i64) -> Result<Charge, Outage> {
        self.wire.reach().await?;
        let books = &mut *lock(&self.books);
        let charge = match books.charges.get(key) {
            Some(known) => known.clone(),
            None => books.charge(key, payer, minor),
        };
        books.charges.insert(key.to_owned(), charge.clone());
        books.answer(charge)
    }

    /// Takes money that is kept ready.
    ///
    /// # Errors
    ///
    /// Nobody answers, whether or not it was done.
    pub async fn capture(&self, key: &str, auth_ref: &str) -> Result<Capture, Outage> {
        self.wire.reach().await?;
        let books = &mut *lock(&self.books);
        let capture = match books.captures.get(key) {
            Some(known) => known.clone(),
            None => books.capture(key, auth_ref),
        };
        books.captures.insert(key.to_owned(), capture.clone());
        books.answer(capture)
    }

    /// Lets money go that is kept ready.
    ///
    /// # Errors
    ///
    /// Nobody answers, whether or not it was done; or the money was taken, which is never let go.
    pub async fn void(&self, key: &str, auth_ref: &str) -> Result<(), Outage> {
        self.wire.reach().await?;
        let books = &mut *lock(&self.books);
        if books.voids.insert(key.to_owned())
            && let Some(authorization) = books.authorizations.get_mut(auth_ref)
        {
            if authorization.held == Held::Captured {
                books.voids.remove(key);
                return Err(Outage("it was captured"));
            }
            authorization.held = Held::Voided;
            authorization.settled_by.push(key.to_owned());
        }
        books.answer(())
    }

    /// All that was ever kept ready, by number.
    #[must_use]
    pub fn authorizations(&self) -> BTreeMap<String, Authorization> {
        lock(&self.books).authorizations.clone()
    }

    /// How many authorisations came to this.
    #[must_use]
    pub fn count(&self, held: Held) -> usize {
        lock(&self.books).authorizations.values().filter(|known| known.held == held).count()
    }

    /// What was taken in all, in minor units.
    #[must_use]
    pub fn taken_minor(&self) -> i64 {
        let books = lock(&self.books);
        let taken = books.authorizations.values().filter(|known| known.held == Held::Captured);
        taken.map(|known| known.amount_minor).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{Capture, Charge, Held, Provider};
    use crate::fakes::Outage;
    use crate::testing::at_once;

    fn authorize(provider: &Provider, key: &str) -> Result<Charge, Outage> {
        at_once(provider.authorize(key, "c7", 700)).unwrap()
    }

    #[test]
    fn the_same_key_is_charged_once_even_if_the_answer_is_lost() {
        let provider = Provider::default();
        provider.lose_answers(2);
        assert!(authorize(&provider, "k").is_err());
        assert!(authorize(&provider, "k").is_err());
        let charge = authorize(&provider, "k").unwrap();
        assert_eq!(charge, Charge::Approved { auth_ref: "auth/k".to_owned() });
        assert_eq!((provider.count(Held::Open), provider.wire.calls()), (1, 3));
    }

    #[test]
    fn money_is_taken_once_and_then_never_let_go() {
        let provider = Provider::default();
        authorize(&provider, "k").unwrap();
        let taken = Capture::Taken { capture_ref: "capture/c".to_owned() };
        assert_eq!(at_once(provider.capture("c", "auth/k")), Some(Ok(taken.clone())));
        assert_eq!(at_once(provider.capture("c", "auth/k")), Some(Ok(taken)));
        assert!(at_once(provider.void("v", "auth/k")).unwrap().is_err());
        assert_eq!((provider.count(Held::Captured), provider.taken_minor()), (1, 700));
    }

    #[test]
    fn what_was_let_go_is_not_taken() {
        let provider = Provider::default();
        authorize(&provider, "k").unwrap();
        assert_eq!(at_once(provider.void("v", "auth/k")), Some(Ok(())));
        assert_eq!(at_once(provider.void("another", "auth/k")), Some(Ok(())));
        assert_eq!(at_once(provider.capture("c", "auth/k")), Some(Ok(Capture::Expired)));
        assert_eq!((provider.count(Held::Voided), provider.taken_minor()), (1, 0));
    }

    #[test]
    fn dials_are_for_one_customer() {
        let provider = Provider::default();
        provider.decline("c1");
        provider.expire("c7");
        let declined = at_once(provider.authorize("a", "c1", 1)).unwrap().unwrap();
        assert!(matches!(declined, Charge::Declined { .. }));
        authorize(&provider, "k").unwrap();
        assert_eq!(at_once(provider.capture("c", "auth/k")), Some(Ok(Capture::Expired)));
        assert_eq!(provider.count(Held::Open), 1);
    }
}
