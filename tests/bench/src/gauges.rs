//! All that is read before and after a run: processors, the database's own counts, the disk.

use crate::Failed;
#[cfg(feature = "servers")]
use crate::database::{Counted, Database};
use crate::figure::Figures;
use crate::meter;
use crate::processes::{Server, own_cpu};

/// Where to read.
#[derive(Default)]
pub struct Gauges {
    /// Whether it is this process that writes to the disk.
    writes: bool,
    /// Other processes of the engine.
    helpers: Vec<Server>,
    #[cfg(feature = "servers")]
    postgres: Vec<Server>,
    #[cfg(feature = "servers")]
    broker: Option<Server>,
    #[cfg(feature = "servers")]
    database: Option<Database>,
}

/// What was read at a moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading {
    engine: Option<u64>,
    postgres: Option<u64>,
    broker: Option<u64>,
    written: Option<u64>,
    /// What this process has of the memory then.
    resident: Option<f64>,
    #[cfg(feature = "servers")]
    counted: Option<Counted>,
}

impl Gauges {
    /// For what runs in this process alone.
    pub fn embedded() -> Self {
        Self { writes: true, ..Self::default() }
    }

    /// For a Postgres and, if it is used, a broker.
    #[cfg(feature = "servers")]
    pub async fn of(
        store: &str,
        postgres: Vec<Server>,
        broker: Option<Server>,
    ) -> Result<Self, Failed> {
        let mut database = Database::connect(store).await?;
        database.forget().await;
        Ok(Self { postgres, broker, database: Some(database), ..Self::default() })
    }

    /// These are processes of the engine too.
    pub fn with(mut self, helpers: Vec<Server>) -> Self {
        self.helpers = helpers;
        self
    }

    pub async fn read(&mut self) -> Result<Reading, Failed> {
        let written = self.writes.then(meter::written).flatten();
        let helpers: u64 = self.helpers.iter().map(|helper| helper.cpu()).sum();
        let engine = own_cpu().map(|own| own + helpers);
        let resident = meter::resident();
        let reading = Reading { engine, written, resident, ..Reading::default() };
        self.of_servers(reading).await
    }

    #[cfg(feature = "servers")]
    async fn of_servers(&mut self, reading: Reading) -> Result<Reading, Failed> {
        let counted = match &mut self.database {
            Some(database) => Some(database.counted().await?),
            None => None,
        };
        let postgres = self.postgres.iter().map(|server| server.cpu());
        let postgres = (!self.postgres.is_empty()).then(|| postgres.sum());
        let broker = self.broker.map(Server::cpu);
        Ok(Reading { postgres, broker, counted, ..reading })
    }

    #[cfg(not(feature = "servers"))]
    async fn of_servers(&mut self, reading: Reading) -> Result<Reading, Failed> {
        Ok(reading)
    }
}

impl Reading {
    /// What one has cost, if so many were done since, and what the process has of the memory now.
    pub fn each(&self, before: &Self, count: u64) -> Figures {
        let each = |now: Option<u64>, then: Option<u64>| {
            Some(now?.saturating_sub(then?) as f64 / count.max(1) as f64)
        };
        let (engine, postgres, broker) = (
            each(self.engine, before.engine),
            each(self.postgres, before.postgres),
            each(self.broker, before.broker),
        );
        let all = [engine, postgres, broker].into_iter().flatten().sum();
        let mut figures = vec![
            ("cpu_us", engine.map(|_| all)),
            ("cpu_engine_us", engine),
            ("cpu_postgres_us", postgres),
            ("cpu_broker_us", broker),
            ("written_bytes", each(self.written, before.written)),
            ("rss_mb", self.resident),
        ];
        figures.extend(self.of_database(before, &each));
        let known = figures.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        known.collect()
    }

    #[cfg(feature = "servers")]
    fn of_database(
        &self,
        before: &Self,
        each: &dyn Fn(Option<u64>, Option<u64>) -> Option<f64>,
    ) -> Vec<(&'static str, Option<f64>)> {
        let (Some(now), Some(then)) = (self.counted, before.counted) else { return Vec::new() };
        let updates = now.updates.saturating_sub(then.updates) as f64;
        let hot = now.hot_updates.saturating_sub(then.hot_updates) as f64;
        vec![
            ("statements", each(now.statements, then.statements)),
            ("commits", each(Some(now.commits), Some(then.commits))),
            ("wal_bytes", each(Some(now.wal_bytes), Some(then.wal_bytes))),
            ("hot_share", (updates > 0.0).then(|| 100.0 * hot / updates)),
        ]
    }

    #[cfg(not(feature = "servers"))]
    #[allow(clippy::unused_self)] // With servers there is something to read.
    fn of_database(
        &self,
        _: &Self,
        _: &dyn Fn(Option<u64>, Option<u64>) -> Option<f64>,
    ) -> Vec<(&'static str, Option<f64>)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Reading;

    #[test]
    fn what_was_used_is_told_for_each() {
        let before = Reading { engine: Some(100), postgres: Some(50), ..Reading::default() };
        let after = Reading { engine: Some(300), postgres: Some(150), ..Reading::default() };
        let figures = after.each(&before, 10);
        assert_eq!((figures["cpu_engine_us"], figures["cpu_postgres_us"]), (20.0, 10.0));
        assert_eq!(figures["cpu_us"], 30.0);
        assert!(!figures.contains_key("cpu_broker_us"), "there was none");
    }
}
