//! What a network may do.

use super::Proxy;
use ballet::clock::Stopwatch;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longer than anything takes here that comes at all.
const LONG: Duration = Duration::from_secs(20);

/// Both ends of a connection through a proxy, and what they can say.
struct Ends {
    proxy: Proxy,
    server: TcpListener,
    near: TcpStream,
    far: TcpStream,
}

impl Ends {
    async fn new() -> Self {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Proxy::before(server.local_addr().unwrap()).await;
        let near = TcpStream::connect(proxy.address()).await.unwrap();
        let (far, _) = server.accept().await.unwrap();
        Self { proxy, server, near, far }
    }

    async fn say(&mut self, word: &str) {
        self.near.write_all(word.as_bytes()).await.unwrap();
    }

    async fn answer(&mut self, word: &str) {
        self.far.write_all(word.as_bytes()).await.unwrap();
    }
}

async fn hears(stream: &mut TcpStream, word: &str) {
    let mut heard = vec![0; word.len()];
    let read = tokio::time::timeout(LONG, stream.read_exact(&mut heard)).await;
    read.expect("it does not come").unwrap();
    assert_eq!(String::from_utf8(heard).unwrap(), word);
}

/// Whether nothing comes for longer than it takes here. A slow machine can only let this pass.
async fn hears_nothing(stream: &mut TcpStream) -> bool {
    tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await.is_err()
}

#[tokio::test]
async fn an_open_network_passes_on_what_both_sides_say() {
    let mut ends = Ends::new().await;
    ends.say("how much?").await;
    hears(&mut ends.far, "how much?").await;
    ends.answer("a lot").await;
    hears(&mut ends.near, "a lot").await;
}

#[tokio::test]
async fn who_has_said_all_still_hears_the_answer() {
    let mut ends = Ends::new().await;
    ends.say("bye").await;
    ends.near.shutdown().await.unwrap();
    hears(&mut ends.far, "bye").await;
    let end = tokio::time::timeout(LONG, ends.far.read_u8()).await.expect("it does not come");
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    ends.answer("bye").await;
    hears(&mut ends.near, "bye").await;
}

#[tokio::test]
async fn a_cut_resets_connections_and_refuses_new_ones() {
    let mut ends = Ends::new().await;
    ends.proxy.cut().await;
    for stream in [&mut ends.near, &mut ends.far] {
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
    let refused = TcpStream::connect(ends.proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_network_that_is_mended_is_found_where_it_was() {
    let mut ends = Ends::new().await;
    let before = ends.proxy.address();
    ends.proxy.cut().await;
    ends.proxy.open().await;
    ends.near = TcpStream::connect(before).await.unwrap();
    (ends.far, _) = ends.server.accept().await.unwrap();
    ends.say("again").await;
    hears(&mut ends.far, "again").await;
}

#[tokio::test]
async fn a_silent_network_takes_everything_and_passes_it_on_when_it_is_open() {
    let mut ends = Ends::new().await;
    ends.proxy.silence();
    ends.say("late").await;
    ends.answer("late as well").await;
    assert!(hears_nothing(&mut ends.far).await);
    assert!(hears_nothing(&mut ends.near).await);
    ends.proxy.open().await;
    hears(&mut ends.far, "late").await;
    hears(&mut ends.near, "late as well").await;
}

#[tokio::test]
async fn a_silent_network_takes_connections_and_brings_them_nowhere() {
    let ends = Ends::new().await;
    ends.proxy.silence();
    TcpStream::connect(ends.proxy.address()).await.unwrap();
    let brought = tokio::time::timeout(Duration::from_millis(50), ends.server.accept()).await;
    assert!(brought.is_err());
    ends.proxy.open().await;
    ends.server.accept().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_heard_hears() {
    let mut ends = Ends::new().await;
    ends.proxy.silence_back();
    ends.say("do it").await;
    hears(&mut ends.far, "do it").await;
    ends.answer("done").await;
    assert!(hears_nothing(&mut ends.near).await);
}

#[tokio::test]
async fn a_server_that_does_not_hear_is_heard() {
    let mut ends = Ends::new().await;
    ends.proxy.silence_forth();
    ends.answer("are you there?").await;
    hears(&mut ends.near, "are you there?").await;
    ends.say("yes").await;
    assert!(hears_nothing(&mut ends.far).await);
}

#[tokio::test]
async fn a_slow_network_takes_its_time_for_each_chunk_and_each_byte() {
    let mut ends = Ends::new().await;
    ends.proxy.slow(Duration::from_millis(20), 1000);
    let watch = Stopwatch::start();
    for word in ["one", "two"] {
        ends.say(word).await;
        hears(&mut ends.far, word).await;
    }
    assert!(watch.elapsed() >= Duration::from_millis(2 * 20 + 6));
}

#[tokio::test]
async fn a_server_that_is_not_there_resets_whoever_asks_for_it() {
    let Ends { proxy, server, .. } = Ends::new().await;
    drop(server);
    // Of the reset hears who connects, if it comes as early as that, or who reads.
    let told = match TcpStream::connect(proxy.address()).await {
        Ok(mut near) => near.read_u8().await.unwrap_err(),
        Err(told) => told,
    };
    assert_eq!(told.kind(), io::ErrorKind::ConnectionReset);
}
