//! What a handler may say and write at most: what is beyond it fails as any other fault, before anything of it is
//! written down that broker or store would refuse for ever.

use crate::error::Fault;
use crate::message::{Key, fits, has_at_most};
use crate::tx::{Send, Tx};

impl Tx {
    /// Refuses what broker or stores would: a body of more bytes than this, and a [key](Key::LONGEST) that is too long.
    pub(crate) fn fits(&self, largest: usize) -> Result<(), Fault> {
        for (_, Send { name, topic, key, body, .. }) in &self.effects.sends {
            if body.len() > largest {
                let size = body.len();
                return Err(Fault::new(format!(
                    "`{name}` to `{topic}` has {size} bytes and may have {largest}: say less, or let the broker \
                     take more (of Kafka, `largest` in its URL and `max.message.bytes` of the topic)"
                )));
            }
            fits(format_args!("the key of `{name}` to `{topic}`"), key.as_str().len())
                .map_err(Fault::new)?;
        }
        for (group, key, _) in &self.effects.inbox {
            fits(format_args!("the id of a run of `{group}`"), key.as_str().len())
                .map_err(Fault::new)?;
        }
        for slot in self.reads.rows() {
            let what = format_args!("the key of a row of `{}`", slot.table);
            has_at_most(2 * Key::LONGEST, what, slot.key.len()).map_err(Fault::new)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::Time;
    use crate::message::Key;
    use crate::table::Table;
    use crate::tx::Tx;

    /// Every text that is a key of something else may be one of a row, which has two bytes more at the end of a text.
    const TABLE: Table<(String, String), u32> = Table::new("t");

    fn written(key: usize) -> Result<(), String> {
        let mut tx = Tx::new("s", Time::from_micros(0));
        let half = "k".repeat(key / 2 - 2);
        tx.put(TABLE, &(half.clone(), half + &"k".repeat(key % 2)), &1).unwrap();
        tx.fits(usize::MAX).map_err(|told| told.to_string())
    }

    #[test]
    fn a_row_under_a_key_that_is_too_long_is_a_fault_of_whoever_puts_it() {
        assert_eq!(written(2 * Key::LONGEST), Ok(()));
        let told = "the key of a row of `s.t` has 2049 bytes and may have 2048: make it shorter";
        assert_eq!(written(2 * Key::LONGEST + 1), Err(told.to_owned()));
    }
}
