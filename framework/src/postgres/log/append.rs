//! What a batch says, appended to the log in its own transaction.
//!
//! A row of the log is a piece: what one batch says in one partition, so that a batch writes as many rows as
//! it has partitions to speak to, and not as many as it has messages. Of a compacted topic each message is a
//! piece of its own, for it is deleted on its own.
//!
//! **Offsets are committed in their order.** Each partition has a row in `ends` that says which offset is the
//! next. Whoever appends adds to it, and holds that row until the commit; who comes after waits, and gets
//! the offsets behind. So whoever sees a message sees all before it, and nobody who reads up to an end misses
//! what is committed later below it. The rows are held last of all that a transaction holds, and in the
//! order of their keys, so that nobody waits in a circle, and for as long as a commit takes.

use super::tail::{Place, Tails, Topic};
use crate::broker::no_topic;
use crate::clock::Time;
use crate::error::Error;
use crate::message::Outgoing;
use crate::postgres::outbox::{PIECE, put};
use crate::postgres::pack::Args;
use crate::postgres::read::{count, number};
use crate::postgres::trouble::store;
use bytes::{Buf, Bytes};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Appending alone, outside of any batch. `$1` to `$3` are the partitions and how many messages each gets,
/// `$4` to `$9` are pieces, whose offsets are counted from where their partition ends, `$10` is the time.
const APPEND: &str = "
    WITH held AS (
        UPDATE ends e SET next = e.next + w.count
        FROM unnest($1, $2, $3) AS w (topic, partition, count)
        WHERE e.topic = w.topic AND e.partition = w.partition
        RETURNING e.topic, e.partition, e.next - w.count AS first),
    put AS (
        INSERT INTO log (topic, partition, first, last, at, key, messages)
        SELECT h.topic, h.partition, h.first + w.first, h.first + w.last,
               coalesce($10, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), w.key, w.messages
        FROM unnest($4, $5, $6, $7, $8, $9) AS w (topic, partition, first, last, key, messages)
        JOIN held h ON h.topic = w.topic AND h.partition = w.partition)
    SELECT topic, partition, first FROM held";

/// Messages that are to be appended.
pub(in crate::postgres) struct Append {
    pub(in crate::postgres) tails: Arc<Tails>,
    /// When it is; otherwise the database says so.
    pub(in crate::postgres) at: Option<Time>,
    pub(in crate::postgres) messages: Vec<Outgoing>,
}

/// Messages that are there as soon as their transaction is committed.
#[must_use = "readers are told when it is committed"]
pub(in crate::postgres) struct Appended {
    tails: Arc<Tails>,
    firsts: BTreeMap<Place, u64>,
    messages: Vec<Outgoing>,
}

/// What is appended, piece by piece, ready to be told to the database.
pub(in crate::postgres) struct Pieces {
    counts: BTreeMap<Place, i64>,
    pieces: Vec<Piece>,
}

impl Append {
    /// Cuts them into pieces. The topics must be [known](Self::learn).
    pub(in crate::postgres) fn cut(&self) -> Result<Pieces, Error> {
        let names: BTreeSet<&str> = self.messages.iter().map(|out| &*out.topic).collect();
        let pieces = pieces(&self.messages, &named(&self.tails, &names)?)?;
        let mut counts: BTreeMap<Place, i64> = BTreeMap::new();
        for piece in &pieces {
            let end = counts.entry(piece.place).or_default();
            *end = (*end).max(piece.last + 1);
        }
        Ok(Pieces { counts, pieces })
    }

    /// The topics of its messages that this process does not know yet.
    pub(in crate::postgres) fn unknown(&self) -> Vec<String> {
        let names: BTreeSet<&str> = self.messages.iter().map(|out| &*out.topic).collect();
        unknown(&self.tails, &names).into_iter().map(str::to_owned).collect()
    }

    /// Writes them. From now on until the commit nobody else appends to their partitions.
    pub(super) async fn write(self, db: &mut PgConnection) -> Result<Appended, Error> {
        let unknown = self.unknown();
        learn(db, &self.tails, &unknown).await?;
        let args = self.cut()?.bind(Args::default());
        let args = args.with(self.at.map(Time::micros)).end();
        let rows = sqlx::query_with(APPEND, args).fetch_all(db).await.map_err(store)?;
        self.appended(&rows)
    }

    /// What the database has answered: each partition with the offset that the first message has got.
    pub(in crate::postgres) fn appended(self, rows: &[PgRow]) -> Result<Appended, Error> {
        let Self { tails, messages, .. } = self;
        let first = |row: &PgRow| ((row.get(0), number(row, 1)), count(row, 2));
        let firsts: BTreeMap<Place, u64> = rows.iter().map(first).collect();
        // What is said where there is no partition would be lost.
        let is_there = |out: &Outgoing| {
            let topic = tails.topic(&out.topic);
            topic.is_some_and(|topic| firsts.contains_key(&(topic.number, out.partition)))
        };
        match messages.iter().find(|out| !is_there(out)) {
            Some(lost) => Err(no_topic(&lost.topic)),
            None => Ok(Appended { tails, firsts, messages }),
        }
    }
}

impl Pieces {
    /// Nine more arguments: the partitions and how many messages each gets, and the pieces.
    pub(in crate::postgres) fn bind(&self, args: Args) -> Args {
        let Self { counts, pieces } = self;
        args.with(counts.keys().map(|(topic, _)| *topic).collect::<Vec<i32>>())
            .with(counts.keys().map(|(_, partition)| small(*partition)).collect::<Vec<i32>>())
            .with(counts.values().copied().collect::<Vec<i64>>())
            .with(pieces.iter().map(|piece| piece.place.0).collect::<Vec<i32>>())
            .with(pieces.iter().map(|piece| small(piece.place.1)).collect::<Vec<i32>>())
            .with(pieces.iter().map(|piece| piece.first).collect::<Vec<i64>>())
            .with(pieces.iter().map(|piece| piece.last).collect::<Vec<i64>>())
            .with(pieces.iter().map(|piece| piece.key.as_deref()).collect::<Vec<Option<&[u8]>>>())
            .with(pieces.iter().map(|piece| &*piece.blob).collect::<Vec<&[u8]>>())
    }
}

impl Appended {
    /// The transaction is committed: whoever reads here is handed the messages from memory.
    pub(in crate::postgres) fn committed(self) {
        self.tails.appended(&self.firsts, self.messages);
    }
}

/// The topics of these names, which all must be there.
pub(super) async fn known(
    db: &mut PgConnection,
    tails: &Tails,
    names: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Topic>, Error> {
    let unknown: Vec<String> = unknown(tails, names).into_iter().map(str::to_owned).collect();
    learn(db, tails, &unknown).await?;
    named(tails, names)
}

fn unknown<'n>(tails: &Tails, names: &BTreeSet<&'n str>) -> Vec<&'n str> {
    names.iter().copied().filter(|name| tails.topic(name).is_none()).collect()
}

fn named(tails: &Tails, names: &BTreeSet<&str>) -> Result<BTreeMap<String, Topic>, Error> {
    let one = |name: &&str| {
        let topic = tails.topic(name).ok_or_else(|| no_topic(name))?;
        Ok(((*name).to_owned(), topic))
    };
    names.iter().map(one).collect()
}

/// Reads how these topics are pinned.
pub(in crate::postgres) async fn learn(
    db: &mut PgConnection,
    tails: &Tails,
    names: &[String],
) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    let asked = "SELECT name, number, partitions, compacted FROM topics WHERE name = ANY($1)";
    let rows = sqlx::query(asked).bind(names).fetch_all(db).await.map_err(store)?;
    let topic = |row: &PgRow| {
        let (number, partitions, compacted) = (row.get(1), number(row, 2), row.get(3));
        (row.get(0), Topic { number, partitions, compacted })
    };
    tails.learn(rows.iter().map(topic));
    Ok(())
}

/// Messages of one partition that stand in one row.
struct Piece {
    place: Place,
    /// Of the first and the last message, from where the partition ends.
    first: i64,
    last: i64,
    key: Option<Vec<u8>>,
    blob: Vec<u8>,
}

/// The rows of these messages: in each partition their order is kept.
fn pieces(messages: &[Outgoing], topics: &BTreeMap<String, Topic>) -> Result<Vec<Piece>, Error> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut last: BTreeMap<Place, usize> = BTreeMap::new();
    for Outgoing { topic: name, partition, message } in messages {
        let topic = topics.get(&**name).filter(|topic| *partition < topic.partitions);
        let topic = topic.ok_or_else(|| no_topic(name))?;
        let place = (topic.number, *partition);
        let before = last.get(&place).copied();
        let next = before.map_or(0, |at| pieces[at].last + 1);
        let open = before.filter(|at| !topic.compacted && pieces[*at].blob.len() < PIECE);
        let at = open.unwrap_or_else(|| {
            let key = topic.compacted.then(|| message.envelope.key.as_str().as_bytes().to_vec());
            pieces.push(Piece { place, first: next, last: next, key, blob: Vec::new() });
            pieces.len() - 1
        });
        pieces[at].last = next;
        put(&mut pieces[at].blob, message);
        last.insert(place, at);
    }
    Ok(pieces)
}

/// The messages of a row, each behind its length. What is cut off or damaged is one message that is none.
pub(super) fn messages(mut blob: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        if blob.is_empty() {
            return None;
        }
        let whole = blob.clone();
        let length =
            blob.try_get_u32_le().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        match length {
            Ok(length) if length <= blob.len() => Some(blob.split_to(length)),
            _ => {
                blob.clear();
                Some(whole)
            }
        }
    })
}

fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{PIECE, Piece, messages, pieces};
    use crate::message::samples::outgoing;
    use crate::message::{Message, Outgoing};
    use crate::postgres::log::tail::Topic;
    use bytes::Bytes;
    use std::collections::BTreeMap;

    fn topics() -> BTreeMap<String, Topic> {
        let topic = |number, compacted| Topic { number, partitions: 2, compacted };
        BTreeMap::from([("a".to_owned(), topic(1, false)), ("k".to_owned(), topic(2, true))])
    }

    fn bodies(piece: &Piece) -> String {
        let body = |bytes: Bytes| Message::decode(&bytes).unwrap().body;
        let bodies: Vec<Bytes> = messages(piece.blob.clone().into()).map(body).collect();
        String::from_utf8(bodies.concat()).unwrap()
    }

    #[test]
    fn a_row_holds_what_is_said_in_a_partition_and_of_a_compacted_topic_one_message() {
        let said = [
            outgoing("a", 0, "1"),
            outgoing("k", 1, "2"),
            outgoing("a", 1, "3"),
            outgoing("a", 0, "4"),
            outgoing("k", 1, "5"),
        ];
        let made = pieces(&said, &topics()).unwrap();
        let told: Vec<_> = made
            .iter()
            .map(|it| (it.place, it.first, it.last, it.key.as_deref(), bodies(it)))
            .collect();
        assert_eq!(
            told,
            [
                ((1, 0), 0, 1, None, "14".to_owned()),
                ((2, 1), 0, 0, Some(&b"k"[..]), "2".to_owned()),
                ((1, 1), 0, 0, None, "3".to_owned()),
                ((2, 1), 1, 1, Some(&b"k"[..]), "5".to_owned()),
            ]
        );
    }

    #[test]
    fn a_row_is_not_much_larger_than_a_piece() {
        let large = "x".repeat(PIECE / 2);
        let said: Vec<Outgoing> = (0..5).map(|_| outgoing("a", 0, &large)).collect();
        let made = pieces(&said, &topics()).unwrap();
        let spans: Vec<_> = made.iter().map(|it| (it.first, it.last)).collect();
        assert_eq!(spans, [(0, 1), (2, 3), (4, 4)]);
    }

    #[test]
    fn a_partition_that_is_not_there_is_refused() {
        for (topic, partition) in [("a", 2), ("b", 0)] {
            let told = pieces(&[outgoing(topic, partition, "x")], &topics()).err().unwrap();
            assert_eq!(told.to_string(), format!("there is no topic `{topic}`"));
        }
    }

    #[test]
    fn what_is_damaged_is_one_message_that_is_none() {
        let said = [outgoing("a", 0, "1"), outgoing("a", 0, "2")];
        let blob = Bytes::from(pieces(&said, &topics()).unwrap().remove(0).blob);
        let cut: Vec<Bytes> = messages(blob.slice(..blob.len() - 1)).collect();
        assert_eq!(cut.len(), 2);
        assert!(Message::decode(&cut[0]).is_ok() && Message::decode(&cut[1]).is_err());
        let torn: Vec<Bytes> = messages(blob.slice(..3)).collect();
        assert_eq!(torn, [blob.slice(..3)]);
    }
}
