//! A network that can fail: a TCP proxy in front of a server.
//!
//! It lives in the runtime that lasts, so it goes on while a test blocks its thread.

use super::servers::{free_port, runtime};
use ballet::clock::{Stopwatch, rest};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How much is passed on at once.
const CHUNK: usize = 16 * 1024;

/// What one direction of the network does with what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It passes everything on.
    Open,
    /// It passes each chunk on after `delay`, and then as long as so many bytes take.
    Slow { delay: Duration, bytes_per_second: u32 },
    /// It passes nothing on, and keeps what it has been given.
    Silent,
}

/// Both directions, as a client sees them.
#[derive(Debug, Clone, Copy)]
struct Link {
    forth: Way,
    back: Way,
}

/// A proxy. It is open at first, and for good once it is dropped there is nobody at its address.
pub struct Proxy {
    at: SocketAddr,
    server: SocketAddr,
    link: watch::Sender<Link>,
    serving: Mutex<Option<Serving>>,
}

/// A listener and its connections. They live as long as `alive` is there.
struct Serving {
    alive: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A new one, which listens at a port of its own.
    pub async fn before(server: SocketAddr) -> Self {
        let at = (Ipv4Addr::LOCALHOST, free_port()).into();
        let link = watch::Sender::new(Link { forth: Way::Open, back: Way::Open });
        let proxy = Self { at, server, link, serving: Mutex::default() };
        proxy.open().await;
        proxy
    }

    /// Where clients find it: the same through all cuts.
    pub fn address(&self) -> SocketAddr {
        self.at
    }

    /// Mends everything. What a silent way has kept is passed on.
    pub async fn open(&self) {
        self.set(Way::Open, Way::Open);
        if self.serving.lock().unwrap().is_some() {
            return;
        }
        let (alive, ends) = watch::channel(());
        let (at, server, link) = (self.at, self.server, self.link.clone());
        let listener = runtime().spawn(async move { TcpListener::bind(at).await });
        let listener = listener.await.unwrap().expect("its port is its own");
        let task = runtime().spawn(serve(listener, server, link, ends));
        *self.serving.lock().unwrap() = Some(Serving { alive, task });
    }

    /// Resets every connection and refuses new ones. When it returns, both are so.
    pub async fn cut(&self) {
        let serving = self.serving.lock().unwrap().take();
        if let Some(Serving { alive, task }) = serving {
            drop(alive);
            task.await.expect("it does not panic");
        }
    }

    /// A black hole: it takes connections and whatever comes, and passes nothing on.
    pub fn silence(&self) {
        self.set(Way::Silent, Way::Silent);
    }

    /// The server hears nothing, and is still heard.
    pub fn silence_forth(&self) {
        self.set(Way::Silent, Way::Open);
    }

    /// The server hears, and is not heard: what it was asked to do is done, and nobody knows.
    pub fn silence_back(&self) {
        self.set(Way::Open, Way::Silent);
    }

    /// A bad line in both directions.
    pub fn slow(&self, delay: Duration, bytes_per_second: u32) {
        let way = Way::Slow { delay, bytes_per_second };
        self.set(way, way);
    }

    fn set(&self, forth: Way, back: Way) {
        self.link.send_replace(Link { forth, back });
    }
}

/// Takes connections until `ends` says that nobody holds the other end, and waits for theirs.
async fn serve(
    listener: TcpListener,
    server: SocketAddr,
    link: watch::Sender<Link>,
    ends: watch::Receiver<()>,
) {
    let mut ended = ends.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = ended.changed() => break,
            Some(_) = connections.join_next() => {}
            taken = listener.accept() => {
                // A client may have gone before it was taken.
                let Ok((client, _)) = taken else { continue };
                connections.spawn(connect(client, server, link.clone(), ends.clone()));
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One client, until both sides have ended or the network is cut.
async fn connect(
    mut client: TcpStream,
    server: SocketAddr,
    link: watch::Sender<Link>,
    mut ends: watch::Receiver<()>,
) {
    // A silent network does not bring anybody anywhere.
    let is_cut = tokio::select! {
        biased;
        _ = ends.changed() => true,
        _ = heard(&link, |link| link.forth) => false,
    };
    if is_cut {
        return reset(&client);
    }
    // Not in the middle of it: the server may know of a connection before we do.
    let Ok(mut served) = TcpStream::connect(server).await else { return reset(&client) };
    let passed = tokio::select! {
        biased;
        _ = ends.changed() => Err(io::ErrorKind::ConnectionReset.into()),
        passed = join(&mut client, &mut served, &link) => passed,
    };
    if passed.is_err() {
        reset(&client);
        reset(&served);
    }
}

/// Lets a connection break when it is dropped, and not end as if that had been agreed upon.
fn reset(stream: &TcpStream) {
    // One that is broken already cannot be told.
    let _ = stream.set_zero_linger();
}

/// Passes on what a client and its server say until both have said all.
async fn join(
    client: &mut TcpStream,
    server: &mut TcpStream,
    link: &watch::Sender<Link>,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_says, client_hears) = client.split();
    let (server_says, server_hears) = server.split();
    let forth = pass(client_says, server_hears, link, |link| link.forth);
    let back = pass(server_says, client_hears, link, |link| link.back);
    tokio::try_join!(forth, back).map(drop)
}

/// Passes on what one side says, until it has said all.
async fn pass(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    link: &watch::Sender<Link>,
    way: fn(&Link) -> Way,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = from.read(&mut chunk).await?;
        if let Way::Slow { delay, bytes_per_second } = heard(link, way).await {
            let length = u32::try_from(count).expect("a chunk is small");
            rest(delay + Duration::from_secs(1) * length / bytes_per_second).await;
        }
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..count]).await?;
    }
}

/// What a way does, as soon as it is not silent.
async fn heard(link: &watch::Sender<Link>, way: fn(&Link) -> Way) -> Way {
    let mut link = link.subscribe();
    let link = link.wait_for(|link| way(link) != Way::Silent).await;
    way(&link.expect("whoever asks has the sender"))
}

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
