//! Whether a shop is at rest: what its tables say of what is still to be done.

use crate::looks::Looks;
use crate::topics::Place;
use shop::http::schema_of;
use sqlx::Row;
use std::collections::BTreeMap;

/// What is still to be done, and up to where everything was read.
#[derive(Debug, Default)]
pub struct Rest {
    /// Requests, what is set aside, calls that are under way, and batches that are not published.
    pub undone: i64,
    /// What is read next: the least of all groups.
    pub next: BTreeMap<Place, i64>,
}

/// Looks at all schemas, in one statement: as they are at one moment.
pub async fn of(looks: &Looks, services: &[&str]) -> Rest {
    if services.is_empty() {
        return Rest::default();
    }
    let of = |service: &&str| {
        let s = schema_of(service);
        format!(
            "SELECT (SELECT count(*) FROM {s}.inbox) + (SELECT count(*) FROM {s}.parked) \
             + (SELECT count(*) FROM {s}.calls) \
             + (SELECT count(*) FROM {s}.outbox JOIN {s}.lanes USING (group_name, lane) \
                WHERE outbox.batch > published) AS undone, \
             (SELECT coalesce(jsonb_agg(jsonb_build_array(lane, positions)), '[]')::text \
              FROM {s}.lanes) AS positions"
        )
    };
    let all = services.iter().map(of).collect::<Vec<_>>().join(" UNION ALL ");
    let mut rest = Rest::default();
    for row in looks.all(&all).await {
        rest.undone += row.get::<i64, _>("undone");
        let lanes: Vec<(i32, serde_json::Map<String, serde_json::Value>)> =
            serde_json::from_str(row.get("positions")).unwrap();
        for (lane, positions) in lanes {
            for (topic, position) in positions {
                let next = position["next"].as_i64().unwrap();
                let least = rest.next.entry((topic, lane)).or_insert(next);
                *least = next.min(*least);
            }
        }
    }
    rest
}
