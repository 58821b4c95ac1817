//! What is handled, as a span: one for each thing that a handler is run for.
//!
//! The names are those of OpenTelemetry's conventions for messaging, where it has one. While nobody
//! subscribes no span is made, and none of its fields is computed.

use crate::engine::work::Work;
use crate::message::trace_id;
use crate::store::LaneId;
use crate::tx::Cause;
use tracing::Span;
use tracing::field::{Empty, display};

/// The span of a thing that is about to be handled.
pub(super) fn span(lane: &LaneId, work: &Work, cause: &Cause) -> Span {
    let span = tracing::info_span!(
        "handle",
        messaging.system = "ballet",
        messaging.operation.type = "process",
        messaging.consumer.group.name = lane.group.as_str(),
        messaging.destination.name = Empty,
        messaging.destination.partition.id = lane.lane,
        messaging.message.id = Empty,
        messaging.message.conversation_id = Empty,
        name = work.name(),
        key = %work.key(),
        trace_id = Empty,
    );
    if let (false, Work::Message { topic, message }) = (span.is_disabled(), work) {
        span.record("messaging.destination.name", topic.as_str());
        span.record("messaging.message.id", display(message.envelope.id));
    }
    follow(&span, cause);
    span
}

/// What the thing belongs to. Of a timer, a call or an entry that is known only once its handler has
/// looked, so it is said again then.
pub(super) fn follow(span: &Span, cause: &Cause) {
    if span.is_disabled() {
        return;
    }
    if !cause.correlation.is_empty() {
        span.record("messaging.message.conversation_id", cause.correlation.as_str());
    }
    if let Some(trace) = cause.traceparent.as_deref().and_then(trace_id) {
        span.record("trace_id", trace);
    }
}
