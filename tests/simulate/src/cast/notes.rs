//! Numbers that are said of a key, 1, 2, 3: heard in their order by one, and counted by a view.

use super::{record, weather::Weather};
use ballet::{And, Fault, Reactions, Reactor, Sources, StepError, Table, Tx, View, answer, react};

record! {
    Note { key: String }
    Noted { key: String, n: u64 }
    Counted { times: u64, sum: u64 }
}

ballet::topic! { /** What the scribe says. */ pub NOTES = "sim.notes", key key {
    Noted = "note.noted",
} }
ballet::service! { /** What clients ask. */ pub SCRIBE = "scribe" { Note = "scribe.note" -> u64 } }

/// The last number of each key.
pub const LAST: Table<String, u64> = Table::new("last");
/// What was heard of each key, in order.
pub const HEARD: Table<String, Vec<u64>> = Table::new("heard");
/// The keys.
pub const KEYS: [&str; 3] = ["do", "re", "mi"];

/// Says the next number of a key.
#[derive(Debug)]
pub struct Scribe;

impl Reactor for Scribe {
    const NAME: &'static str = "scribe";
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Note>(answer(Self::note).leaves_nothing())
    }
}

impl Scribe {
    async fn note(&self, tx: &mut Tx, c: &Note) -> Result<And<u64, Noted>, StepError> {
        let n = tx.get(LAST, &c.key).await?.unwrap_or(0) + 1;
        tx.put(LAST, &c.key, &n)?;
        Ok(And(n, Noted { key: c.key.clone(), n }))
    }
}

/// Hears them; now and then it faults.
#[derive(Debug)]
pub struct Listener(pub Weather);

impl Reactor for Listener {
    const NAME: &'static str = "listener";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Noted>(react(Self::hear))
    }
}

impl Listener {
    async fn hear(&self, tx: &mut Tx, e: &Noted) -> Result<(), Fault> {
        let mut heard = tx.get(HEARD, &e.key).await?.unwrap_or_default();
        heard.push(e.n);
        tx.put(HEARD, &e.key, &heard)?;
        // What waits for something else lets others of its key pass, so here it only faults.
        self.0.tell(&format!("hear/{}/{}", e.key, e.n)).map_err(|_| Fault::new("not in the mood"))
    }
}

/// Counts them.
#[derive(Debug)]
pub struct Counts;

impl View for Counts {
    const NAME: &'static str = "counts";
    type Key = String;
    type Row = Counted;
    fn sources() -> Sources<Self> {
        Sources::new().on::<Noted>(|e| e.key.clone(), |row, e| Some(fold(row, e)))
    }
}

/// A row with one more number.
#[must_use]
pub fn fold(row: Option<Counted>, noted: &Noted) -> Counted {
    let Counted { times, sum } = row.unwrap_or(Counted { times: 0, sum: 0 });
    Counted { times: times + 1, sum: sum + noted.n }
}
