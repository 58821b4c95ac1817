//! A network that can fail: a TCP proxy in front of a server.
//!
//! It lives in the runtime that lasts, so it goes on while a test blocks its thread.

#[cfg(test)]
mod tests;

use crate::servers::{free_port, runtime};
use ballet::clock::rest;
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
