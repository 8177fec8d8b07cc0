//! A receiver of webhooks that does exactly what a test's script says, on a raw socket.
//!
//! A script runs once per connection and decides by itself when to read, what bytes to send and
//! how to end, so it can be as rude as the world is. Requests are recorded verbatim.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// Up to and without the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Counts from 0 in the order of acceptance.
    pub(crate) connection: usize,
}

impl Recorded {
    /// As in `POST /hooks HTTP/1.1`.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// Header lines, spelt as sent.
    pub(crate) fn headers(&self) -> Vec<(&str, &str)> {
        self.head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect()
    }

    /// The value of the only header of this name, in whatever spelling.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.headers();
        let mut found = headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| *value);
        assert!(found.next().is_none(), "{name} came twice");
        value
    }
}

type BoxIo = Pin<Box<dyn Io>>;
trait Io: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

/// The script's end of one connection.
pub(crate) struct Peer {
    io: BoxIo,
    /// What was read beyond the last request.
    rest: Vec<u8>,
    number: usize,
    requests: Arc<Mutex<Vec<Recorded>>>,
    /// The same socket, to be reset.
    socket: TcpStream,
}

impl Peer {
    /// Which connection this is, from 0.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Reads and records one request; `None` when the sender has closed the connection.
    pub(crate) async fn request(&mut self) -> Option<Recorded> {
        let head = self.head().await?;
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.parse().unwrap());
        while self.rest.len() < length {
            self.read().await?;
        }
        let body = self.rest.drain(..length).collect();
        let recorded = Recorded { head, body, connection: self.number };
        self.requests.lock().unwrap().push(recorded.clone());
        Some(recorded)
    }

    /// Reads a request's head alone.
    pub(crate) async fn head(&mut self) -> Option<String> {
        let end = loop {
            if let Some(end) = self.rest.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            self.read().await?;
        };
        let head = String::from_utf8(self.rest.drain(..end + 4).take(end).collect()).unwrap();
        Some(head)
    }

    async fn read(&mut self) -> Option<()> {
        match self.io.read_buf(&mut self.rest).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }

    /// Sends bytes; false when nobody takes them any more.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.io.write_all(bytes.as_ref()).await.is_ok() && self.io.flush().await.is_ok()
    }

    /// Closes in good order.
    pub(crate) async fn close(mut self) {
        let _ = self.io.shutdown().await;
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        self.socket.set_zero_linger().unwrap();
    }

    /// Waits until the sender is gone, without reading what it sends.
    pub(crate) async fn vanished(&mut self) {
        // It shows as an error or the end, once what was sent before has been looked at and left.
        let mut nothing = [0; 1];
        while self.socket.peek(&mut nothing).await.is_ok_and(|length| length > 0) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Waits until the sender closes.
    pub(crate) async fn closed(&mut self) {
        while self.read().await.is_some() {
            self.rest.clear();
        }
    }
}

/// Listens on a free port of a loopback address until dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Recorded>>>,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    /// Runs `script` on every connection.
    pub(crate) async fn start<F>(script: impl Fn(Peer) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start_on("127.0.0.1:0", None, script).await
    }

    /// Runs `script` on every connection whose TLS handshake succeeds.
    pub(crate) async fn start_tls<F>(
        tls: Arc<rustls::ServerConfig>,
        script: impl Fn(Peer) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start_on("127.0.0.1:0", Some(tls), script).await
    }

    /// Answers every request of every connection with the same bytes.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |peer| answer_all(peer, Arc::clone(&answer))).await
    }

    pub(crate) async fn start_on<F>(
        address: &str,
        tls: Option<Arc<rustls::ServerConfig>>,
        script: impl Fn(Peer) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let connections = Arc::<AtomicUsize>::default();
        let (records, counter) = (Arc::clone(&requests), Arc::clone(&connections));
        let script = Arc::new(script);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut scripts = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let number = counter.fetch_add(1, Ordering::SeqCst);
                let (tls, script) = (tls.clone(), Arc::clone(&script));
                let requests = Arc::clone(&records);
                scripts.spawn(async move {
                    let (tcp, socket) = with_handle(tcp);
                    let Some(io) = secure(tcp, tls).await else { return };
                    script(Peer { io, rest: Vec::new(), number, requests, socket }).await;
                });
            }
        });
        Self { address, requests, connections, _tasks: tasks }
    }

    /// Everything recorded so far.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// How many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// `http://127.0.0.1:port` and `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Answers every request of one connection with the same bytes.
pub(crate) async fn answer_all(mut peer: Peer, answer: Arc<[u8]>) {
    while peer.request().await.is_some() && peer.send(&answer).await {}
}

/// An answer with this status line, these header lines and this body.
pub(crate) fn answer(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\n");
    for header in headers {
        text += &format!("{header}\r\n");
    }
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    text.into_bytes()
}

fn with_handle(tcp: TcpStream) -> (TcpStream, TcpStream) {
    let tcp = tcp.into_std().unwrap();
    let handle = tcp.try_clone().unwrap();
    (TcpStream::from_std(tcp).unwrap(), TcpStream::from_std(handle).unwrap())
}

async fn secure(tcp: TcpStream, tls: Option<Arc<rustls::ServerConfig>>) -> Option<BoxIo> {
    match tls {
        None => Some(Box::pin(tcp)),
        Some(config) => Some(Box::pin(TlsAcceptor::from(config).accept(tcp).await.ok()?)),
    }
}
