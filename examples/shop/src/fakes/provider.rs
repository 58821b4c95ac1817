//! The payment provider: it keeps money ready, takes it, or lets it go, each once for each key.

use crate::fakes::ledger::{Ledger, Turn};
use crate::fakes::{Outage, Wire, lock};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
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
    ledger: Ledger,
}

/// Something that was done, with what was said to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    Charge { key: String, payer: String, amount_minor: i64, charge: Charge },
    Capture { key: String, auth_ref: String, capture: Capture },
    Void { key: String, auth_ref: String },
}

impl Books {
    /// What was done in other processes is known, and nothing more is done there, until the turn ends.
    fn turn(&mut self) -> Result<Turn, Outage> {
        let (turn, deeds) = self.ledger.turn()?;
        deeds.into_iter().for_each(|deed| self.enter(deed));
        Ok(turn)
    }

    /// What the provider does now; it is in its books from then on.
    fn keep(&mut self, deed: Deed) -> Result<(), Outage> {
        self.ledger.note(&deed)?;
        self.enter(deed);
        Ok(())
    }

    fn enter(&mut self, deed: Deed) {
        match deed {
            Deed::Charge { key, payer, amount_minor, charge } => {
                if let Charge::Approved { auth_ref } = &charge {
                    let (held, settled_by) = (Held::Open, Vec::new());
                    let open = Authorization { payer, amount_minor, held, settled_by };
                    self.authorizations.insert(auth_ref.clone(), open);
                }
                self.charges.insert(key, charge);
            }
            Deed::Capture { key, auth_ref, capture } => {
                if let Capture::Taken { .. } = &capture {
                    self.settle(&key, &auth_ref, Held::Captured);
                }
                self.captures.insert(key, capture);
            }
            Deed::Void { key, auth_ref } => {
                self.settle(&key, &auth_ref, Held::Voided);
                self.voids.insert(key);
            }
        }
    }

    fn settle(&mut self, key: &str, auth_ref: &str, held: Held) {
        if let Some(authorization) = self.authorizations.get_mut(auth_ref) {
            authorization.held = held;
            authorization.settled_by.push(key.to_owned());
        }
    }

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

    fn charge(&self, key: &str, payer: &str) -> Charge {
        match self.declined.contains(payer) {
            true => Charge::Declined { code: "insufficient_funds".to_owned() },
            false => Charge::Approved { auth_ref: format!("auth/{key}") },
        }
    }

    fn capture(&self, key: &str, auth_ref: &str) -> Capture {
        match self.authorizations.get(auth_ref) {
            Some(open) if open.held == Held::Open && !self.expired.contains(&open.payer) => {
                Capture::Taken { capture_ref: format!("capture/{key}") }
            }
            _ => Capture::Expired,
        }
    }
}

impl Provider {
    /// A provider that keeps its books in this file, and so outlives the process.
    ///
    /// # Errors
    ///
    /// What the operating system says; that these are no such books.
    pub fn kept_in(path: impl AsRef<Path>) -> io::Result<Self> {
        let (ledger, deeds) = Ledger::open(path)?;
        let mut books = Books { ledger, ..Books::default() };
        deeds.into_iter().for_each(|deed| books.enter(deed));
        Ok(Self { wire: Wire::default(), books: Mutex::new(books) })
    }

    /// Takes this customer's money from now on.
    pub fn accept(&self, payer: &str) {
        let books = &mut *lock(&self.books);
        books.declined.remove(payer);
        books.expired.remove(payer);
    }

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
        let _reached = self.wire.reach().await?;
        let books = &mut *lock(&self.books);
        let _turn = books.turn()?;
        let charge = match books.charges.get(key) {
            Some(known) => known.clone(),
            None => {
                let charge = books.charge(key, payer);
                let (key, payer, said) = (key.to_owned(), payer.to_owned(), charge.clone());
                books.keep(Deed::Charge { key, payer, amount_minor: minor, charge: said })?;
                charge
            }
        };
        books.answer(charge)
    }

    /// Takes money that is kept ready.
    ///
    /// # Errors
    ///
    /// Nobody answers, whether or not it was done.
    pub async fn capture(&self, key: &str, auth_ref: &str) -> Result<Capture, Outage> {
        let _reached = self.wire.reach().await?;
        let books = &mut *lock(&self.books);
        let _turn = books.turn()?;
        let capture = match books.captures.get(key) {
            Some(known) => known.clone(),
            None => {
                let capture = books.capture(key, auth_ref);
                let (key, auth_ref, said) = (key.to_owned(), auth_ref.to_owned(), capture.clone());
                books.keep(Deed::Capture { key, auth_ref, capture: said })?;
                capture
            }
        };
        books.answer(capture)
    }

    /// Lets money go that is kept ready.
    ///
    /// # Errors
    ///
    /// Nobody answers, whether or not it was done; or the money was taken, which is never let go.
    pub async fn void(&self, key: &str, auth_ref: &str) -> Result<(), Outage> {
        let _reached = self.wire.reach().await?;
        let books = &mut *lock(&self.books);
        let _turn = books.turn()?;
        if !books.voids.contains(key) {
            let known = books.authorizations.get(auth_ref);
            if known.is_some_and(|known| known.held == Held::Captured) {
                return Err(Outage("it was captured"));
            }
            books.keep(Deed::Void { key: key.to_owned(), auth_ref: auth_ref.to_owned() })?;
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
    use std::io::Write;

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

    #[test]
    fn two_processes_that_share_the_books_are_one_provider() {
        let name = format!("shop-provider-shared-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let (one, two) = (Provider::kept_in(&path).unwrap(), Provider::kept_in(&path).unwrap());
        authorize(&one, "k").unwrap();
        let taken = at_once(two.capture("c", "auth/k")).unwrap().unwrap();
        assert!(matches!(taken, Capture::Taken { .. }));
        assert_eq!(at_once(one.capture("c", "auth/k")).unwrap(), Ok(taken));
        assert!(at_once(one.void("v", "auth/k")).unwrap().is_err());
        drop((one, two));
        assert_eq!(Provider::kept_in(&path).unwrap().taken_minor(), 700);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn books_that_are_kept_outlive_the_process() {
        let name = format!("shop-provider-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let provider = Provider::kept_in(&path).unwrap();
        authorize(&provider, "k").unwrap();
        authorize(&provider, "l").unwrap();
        assert_eq!(at_once(provider.void("v", "auth/l")), Some(Ok(())));
        drop(provider);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"ch").unwrap();

        let provider = Provider::kept_in(&path).unwrap();
        assert_eq!((provider.count(Held::Open), provider.count(Held::Voided)), (1, 1));
        let taken = at_once(provider.capture("c", "auth/k")).unwrap().unwrap();
        assert!(matches!(taken, Capture::Taken { .. }));
        drop(provider);
        assert_eq!(Provider::kept_in(&path).unwrap().taken_minor(), 700);
        std::fs::remove_file(path).unwrap();
    }
}
