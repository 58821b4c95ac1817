//! Ranges of tables, as clients see them: a page of a list, and no more than a page.

use crate::app::running::Running;
use crate::error::Error;
use crate::message::Record;
use crate::reactor::Reactor;
use crate::store::Scan;
use crate::table::{Table, TableKey, read_row};
use std::collections::BTreeSet;

impl Running {
    /// The rows of a service's table whose keys lie between `from` and `to` (not included), at most
    /// `limit`, in order of their keys. It costs what it returns, however long the table is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the store cannot be read, [`ErrorKind::Codec`](crate::ErrorKind::Codec) if a row is not of its type.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; whoever asks again is told how it is then.
    pub async fn range<R: Reactor, K: TableKey, V: Record>(
        &self,
        table: Table<K, V>,
        from: &K,
        to: Option<&K>,
        limit: u32,
    ) -> Result<Vec<(K, V)>, Error> {
        let (table, from) = (format!("{}.{}", R::NAME, table.name()), from.to_bytes().into());
        let scan =
            Scan { table: table.into(), from, to: to.map(|key| key.to_bytes().into()), limit };
        let scans = BTreeSet::from([scan.clone()]);
        let mut found = self.wiring.store.find(&BTreeSet::new(), &scans).await?;
        let rows = found.scans.remove(&scan).unwrap_or_default();
        rows.into_iter().map(|row| read_row(&scan.table, row)).collect()
    }
}
