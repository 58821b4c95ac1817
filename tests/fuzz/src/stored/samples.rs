//! Documents as the engine writes them, so that mutations begin with what it can read.

use crate::journal::{decided, empty};
use crate::stored::keeper::{Buy, Said};
use crate::stored::{PLACE, message};
use crate::texts;
use ballet::Saga;
use ballet::clock::Time;
use ballet::saga::decide::Input;
use ballet::saga::journal::Journal;

/// One or more of every kind.
#[must_use]
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let said = message(&Said { id: "a".to_owned(), n: 1 });
    let envelope = said.encode();
    let journal = journal();
    let shown = serde_json::to_string(&journal).expect("a journal is plain data");
    let errand = "call\n{\"of\":\"word.asked\",\"back\":null,\"key\":\"word.asked/1\",\"way\":\"forward\",\
                  \"extra\":[]}\n";
    let request = format!(
        "{{\"command\":\"{PLACE}\",\"asked\":{{\"id\":\"a\"}},\"reply\":{{\"done\":null}}}}"
    );
    let begin = "{\"begin\":{\"run\":\"a\",\"input\":{\"id\":\"a\"},\"correlation\":\"a\",\
                 \"causation\":null,\"hop\":0,\"traceparent\":null}}";
    let wait = "{\"open\":{\"event\":{\"id\":\"a\",\"n\":1},\"correlation\":\"a\",\"due\":1,\
                \"message\":null,\"hop\":0,\"traceparent\":null}}";
    let method =
        format!("{{\"step\":1,\"way\":\"forward\",\"round\":0,\"attempt\":1,\"journal\":{shown}}}");
    let operate = "{\"operate\":{\"run\":\"a\",\"verb\":{\"force\":null},\"step\":\"pay\",\
                   \"by\":\"b\",\"reason\":\"r\"}}";
    let of = |kind: &str, document: &str| format!("{kind}\n{document}").into_bytes();
    let with_message = |before: &str| [before.as_bytes(), &envelope[..]].concat();
    let head = "{\"message\":{\"topic\":\"t.words\"}}\n";
    texts([
        ("row", of("row", "7")),
        (
            "barrier-done",
            of("barrier", "{\"done\":{\"by\":null,\"made\":[{\"id\":\"a\"}],\"reply\":[null]}}"),
        ),
        ("barrier-void", of("barrier", "{\"void\":{\"made\":false}}")),
        ("request", of("request", &request)),
        ("wait", of("wait", wait)),
        ("generations", of("generations", "{\"read\":1,\"folded\":2}")),
        ("view", of("view", "7")),
        ("journal", [b"journal\n", &journal.encode()[..]].concat()),
        ("inbox-begin", of("inbox", begin)),
        ("inbox-operate", of("inbox", operate)),
        ("inbox-rebuild", of("inbox", "{\"rebuild\":{\"read\":1}}")),
        ("set-aside", with_message(&format!("set-aside\n{head}"))),
        ("call", with_message(errand)),
        ("method", of("method", &method)),
        ("dead-letter", with_message(&format!("dead-letter\n{head}"))),
        ("log", with_message("log\n")),
    ])
}

/// The journal of a run that has begun and was taken back at once.
pub(super) fn journal() -> Journal {
    let shape = Buy::plan().shape().clone();
    let mut journal = empty(&shape);
    journal.input =
        serde_json::value::RawValue::from_string("{\"id\":\"a\"}".to_owned()).expect("it is JSON");
    let decided = decided(&shape, &journal, Input::Begin, Time::from_micros(1_700_000_000_000_000));
    journal.extend(decided.facts);
    journal
}
