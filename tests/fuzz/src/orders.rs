//! Orders in a file, one a line, as `cargo run -- --orders` reads them.

use crate::{sentence, texts};
use shop::order::{lines, parse};

/// Every line that is not blank is an order, which is read again as it is written, or is told to be none.
pub fn check(bytes: &[u8]) {
    let blank = |line: &&[u8]| line.trim_ascii().is_empty();
    let expected = bytes.split(|byte| *byte == b'\n').filter(|line| !blank(line)).count();
    let read: Result<Vec<_>, _> = lines(bytes).collect();
    let read = read.expect("bytes in memory can be read");
    assert_eq!(read.len(), expected);
    assert!(read.is_sorted_by(|(earlier, _), (later, _)| earlier < later), "lines are in order");
    for (_, read) in read {
        match read {
            Ok(order) => {
                let written = serde_json::to_vec(&order).expect("an order is plain data");
                assert_eq!(parse(&written), Ok(order));
            }
            Err(no) => sentence(&no.to_string()),
        }
    }
}

/// Files that somebody may give.
#[must_use]
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let line = |sku: &str, qty: i64| {
        let total = qty * 109_900;
        format!(
            "{{\"customer_id\":\"c1\",\"lines\":[{{\"sku\":\"{sku}\",\"qty\":{qty},\
             \"unit_price_minor\":109900}}],\"total_minor\":{total},\"currency\":\"USD\"}}\n"
        )
    };
    let mixed = format!("{}nonsense\n\n{}{{}}\r\n[]\n", line("ipad", 1), line("\\u00e9", -2));
    texts([
        ("two", format!("{}{}", line("ipad", 1), line("iphone", 2)).into()),
        ("mixed", mixed.into()),
        ("nothing", b"\n\n".into()),
    ])
}
