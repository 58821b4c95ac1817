//! Traces, as W3C Trace Context tells them: `version-trace-parent-flags`, all of it in hexadecimal.

/// How many bytes a `traceparent` may have: ten times those of today's version. A longer one is ignored.
pub(crate) const LONGEST: usize = 550;

/// The trace that a `traceparent` belongs to; `None` if it is not well formed, and then the standard
/// wants it ignored (W3C Trace Context, §3.2.2).
///
/// ```
/// use ballet::message::trace_id;
///
/// let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// assert_eq!(trace_id(given), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
/// assert_eq!(trace_id("4bf92f3577b34da6a3ce929d0e0e4736"), None);
/// ```
#[must_use]
pub fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (parent, flags) = (parts.next()?, parts.next()?);
    let whole = is_hex(version, 2) && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2);
    // Later versions may say more at the end; `ff` is none.
    let ends = parts.next().is_none() || version != "00";
    let fits = traceparent.len() <= LONGEST;
    (whole && ends && fits && version != "ff").then_some(trace)
}

fn is_hex(text: &str, length: usize) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == length && text.bytes().all(digit)
}

/// Nothing but zeros is no id.
fn is_id(text: &str, length: usize) -> bool {
    is_hex(text, length) && text.bytes().any(|byte| byte != b'0')
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, trace_id};
    use crate::id::traceparent;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn a_trace_that_is_begun_is_well_formed_and_no_two_are_the_same() {
        let (one, two) = (traceparent(), traceparent());
        assert!(trace_id(&one).is_some());
        assert_ne!(trace_id(&one), trace_id(&two));
    }

    #[test]
    fn a_later_version_may_say_more() {
        assert_eq!(trace_id(&format!("01-{TRACE}-{PARENT}-01-more")), Some(TRACE));
        assert_eq!(trace_id(&format!("cc-{TRACE}-{PARENT}-01")), Some(TRACE));
    }

    #[test]
    fn what_says_too_much_more_is_ignored() {
        let said = |length| format!("{:-<length$}", format!("01-{TRACE}-{PARENT}-01-"));
        assert_eq!(trace_id(&said(LONGEST)), Some(TRACE));
        assert_eq!(trace_id(&said(LONGEST + 1)), None);
    }

    #[test]
    fn what_is_not_well_formed_has_no_trace() {
        let zeros = "0".repeat(32);
        for text in [
            String::new(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{zeros}-{PARENT}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{TRACE}0-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00 {TRACE} {PARENT} 01"),
        ] {
            assert_eq!(trace_id(&text), None, "`{text}`");
        }
    }
}
