//! Rights in Kafka, as the lines of `kafka-acls` give them.
//!
//! One program of Java a line would take minutes, so the lines are read here and what they say is asked of
//! the server in its own protocol.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A right of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    /// As `orders`.
    pub user: String,
    /// As `Write`.
    pub operation: String,
    /// `topic` or `group`.
    pub kind: String,
    pub name: String,
    /// Whether it is for everything that begins with the name.
    pub prefixed: bool,
}

impl Acl {
    /// Whether it is for a topic.
    pub fn is_for(&self, topic: &str) -> bool {
        let covers = if self.prefixed { topic.starts_with(&self.name) } else { topic == self.name };
        self.kind == "topic" && covers
    }
}

/// What lines of `kafka-acls` give; comments give nothing.
pub fn acls_of(lines: &str) -> Vec<Acl> {
    lines.lines().filter(|line| line.starts_with('$')).flat_map(line).collect()
}

fn line(line: &str) -> Vec<Acl> {
    let mut words = line.split_whitespace();
    assert_eq!((words.next(), words.next()), (Some("$KAFKA_ACLS"), Some("--add")), "{line}");
    let (mut user, mut operations, mut place, mut prefixed) = ("", Vec::new(), ("", ""), false);
    while let (Some(option), Some(value)) = (words.next(), words.next()) {
        match option {
            "--allow-principal" => user = value.strip_prefix("User:").expect("it is a user"),
            "--operation" => operations.push(value),
            "--topic" | "--group" => place = (&option[2..], value),
            "--resource-pattern-type" => prefixed = value == "prefixed",
            other => panic!("`{other}` is not known: {line}"),
        }
    }
    assert!(!user.is_empty() && !operations.is_empty() && !place.1.is_empty(), "{line}");
    let acl = |operation: &str| Acl {
        user: user.to_owned(),
        operation: operation.to_owned(),
        kind: place.0.to_owned(),
        name: place.1.to_owned(),
        prefixed,
    };
    operations.into_iter().map(acl).collect()
}

/// Gives all these rights, as somebody who may.
pub fn give(at: SocketAddr, acls: &[Acl]) -> io::Result<()> {
    let mut request = Bytes::default();
    // CreateAcls, version 1, the first request, of nobody.
    request.short(30).short(1).int(1).short(-1);
    request.int(i32::try_from(acls.len()).expect("they are not many"));
    acls.iter().for_each(|acl| request.acl(acl));
    let mut server = TcpStream::connect(at)?;
    let length = i32::try_from(request.0.len()).expect("it is not long");
    server.write_all(&[&length.to_be_bytes()[..], &request.0].concat())?;
    let mut length = [0; 4];
    server.read_exact(&mut length)?;
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).expect("a length")];
    server.read_exact(&mut answer)?;
    // Behind the number of the request, the pause, and how many: an error and its text each.
    let mut rest = &answer[12..];
    for acl in acls {
        let (code, text) = (short(&mut rest), short(&mut rest));
        let (text, after) = rest.split_at(usize::try_from(text).unwrap_or(0));
        assert_eq!(code, 0, "{acl:?}: {}", String::from_utf8_lossy(text));
        rest = after;
    }
    Ok(())
}

fn short(bytes: &mut &[u8]) -> i16 {
    let (first, rest) = bytes.split_at(2);
    *bytes = rest;
    i16::from_be_bytes([first[0], first[1]])
}

/// Words of Kafka's protocol.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    fn short(&mut self, number: i16) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn int(&mut self, number: i32) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.short(i16::try_from(text.len()).expect("it is short"));
        self.0.extend(text.as_bytes());
        self
    }

    fn acl(&mut self, acl: &Acl) {
        let kind = if acl.kind == "topic" { 2 } else { 3 };
        let operation = match &*acl.operation {
            "Read" => 3,
            "Write" => 4,
            "Create" => 5,
            "Describe" => 8,
            "DescribeConfigs" => 10,
            other => panic!("`{other}` is not known"),
        };
        self.byte(kind).text(&acl.name).byte(if acl.prefixed { 4 } else { 3 });
        self.text(&format!("User:{}", acl.user)).text("*").byte(operation).byte(3);
    }
}
