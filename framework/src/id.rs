//! Ids: the only module that makes them.
//!
//! Whatever must be the same again after a crash (message ids, keys of outside calls) is *derived*
//! from what is written down. Only a store's incarnation and trace ids are drawn at random.

use uuid::Uuid;

/// The namespace of all derived ids.
const BALLET: Uuid = Uuid::from_u128(0x6a3b_7c1e_5d2f_4f0a_9b8e_1d3c_5f7a_2b4d);

/// An id that is derived from its parts: the same parts, the same id (UUID version 5, RFC 9562 §5.5).
#[must_use]
pub fn derived(parts: &[&str]) -> Uuid {
    Uuid::new_v5(&BALLET, parts.join("\u{1f}").as_bytes())
}

/// A fresh id that sorts by the time it was made (UUID version 7, RFC 9562 §5.7).
#[must_use]
#[allow(clippy::disallowed_methods)] // The one place that may.
pub fn fresh() -> Uuid {
    Uuid::now_v7()
}

/// A `traceparent` that begins a trace of its own: random ids, and the wish to be recorded (W3C Trace
/// Context, §3.2).
///
/// ```
/// let begun = ballet::id::traceparent();
/// assert!(ballet::message::trace_id(&begun).is_some());
/// ```
#[must_use]
#[allow(clippy::disallowed_methods)] // The one place that may.
pub fn traceparent() -> String {
    let (_, parent) = Uuid::new_v4().as_u64_pair();
    format!("00-{:032x}-{parent:016x}-01", Uuid::new_v4().as_u128())
}

/// A random number of 31 bits that tells one life of a store from another.
#[must_use]
#[allow(clippy::disallowed_methods)] // The one place that may.
pub fn incarnation() -> u32 {
    let (high, _) = Uuid::new_v4().as_u64_pair();
    u32::try_from(high >> 33).unwrap_or(0)
}
