//! Records as a broker has them: headers, a key, a body. An input is a text of lines: the key, then
//! `name: value` for each header, then an empty line, then the body as it is. A key of `-` is none.

use crate::envelope::{envelope, holds};
use crate::{lines_and_rest, sentence, texts};
use ballet::clock::Time;
use ballet::message::{Kind, wire};
use ballet::{Envelope, ErrorKind};
use bytes::Bytes;

/// What is read as a message goes there and back; what is not is told by the header that is wrong.
pub fn check(bytes: &[u8]) {
    let (lines, body) = lines_and_rest(bytes);
    let Some((key, lines)) = lines.split_first() else { return };
    let key = Some(*key).filter(|key| *key != b"-");
    let headers = lines.iter().filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        Some((std::str::from_utf8(&line[..at]).ok()?, line[at + 1..].trim_ascii_start()))
    });
    match wire::read(key, headers, Bytes::copy_from_slice(body), Time::from_micros(5)) {
        Ok(message) => holds(&message),
        Err(told) => {
            assert_eq!(told.kind(), ErrorKind::Codec);
            let told = told.to_string();
            sentence(&told);
            let what = ["header `", "the key", "no key", "CloudEvents"];
            assert!(what.iter().any(|what| told.contains(what)), "it does not say where: {told}");
        }
    }
}

/// Records that we write, and some that others do.
#[must_use]
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let foreign = "order 7\nce_specversion: 1.0\nce_id: A-17\nce_source: /warehouse\n\
                   ce_type: stock.counted\nce_time: 1970-01-01T01:00:00.5+01:00\n\n{\"sku\":\"ipad\"}";
    // With all that is meant anyway, and of a command what is there for tools.
    let at_length = "1041\nce_specversion: 1.0\nce_id: 38c8957f-bafb-5411-a405-2682e4ec414d\n\
                     ce_source: purchase\nce_type: stock.release\nce_time: 2023-11-14T22:13:20.000000Z\n\
                     content-type: application/json\nce_kind: command\nce_dataversion: 1\n\
                     ce_correlation: 1041\nce_hop: 4\nce_subject: 1041\nce_edge: 1/0/9\n\
                     ce_saga: purchase\nce_run: 1041\nce_step: reserve-stock\nce_way: back\n\
                     ce_round: 0\nce_attempt: 1\n\n{}";
    let structured = "k\ncontent-type: application/cloudevents+json\nce_specversion: 1.0\n\n{}";
    let event = Envelope { kind: Kind::Event, step: None, ..envelope() };
    texts([
        ("at-length", at_length.into()),
        ("command", record(&envelope())),
        ("event", record(&event)),
        ("foreign", foreign.into()),
        ("nothing", "-\n\n".into()),
        ("structured", structured.into()),
    ])
}

fn record(envelope: &Envelope) -> Vec<u8> {
    let mut text = format!("{}\n", envelope.key);
    for (name, value) in wire::headers(envelope) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    format!("{text}\n{{}}").into_bytes()
}
