//! A way to PostgreSQL that can be cut: it stops forwarding without closing, closes, or refuses.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What becomes of connections through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    /// Everything passes.
    Fair,
    /// Nothing passes; connections stay, and new ones are taken.
    Frozen,
    /// New ones end at once.
    Refusing,
}

/// The proxy; ends when dropped.
pub struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    /// Connections older than this are dead: nothing passes, and nobody is told.
    forgotten: Arc<watch::Sender<u64>>,
    /// Connections older than this are closed.
    closed: Arc<watch::Sender<u64>>,
    made: watch::Receiver<u64>,
    _listener: JoinSet<()>,
}

impl Proxy {
    /// A proxy to `port` of 127.0.0.1, which may be anything that listens there.
    pub async fn open(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = listener.local_addr()?.port();
        let weather = watch::Sender::new(Weather::Fair);
        let (forgotten, closed) =
            (Arc::new(watch::Sender::new(0)), Arc::new(watch::Sender::new(0)));
        let (count, made) = watch::channel(0);
        let hears = (weather.subscribe(), forgotten.subscribe(), closed.subscribe());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, port, hears, count));
        Ok(Self { port: own, weather, forgotten, closed, made, _listener: tasks })
    }

    /// The URL of a server on 127.0.0.1 that leads through here.
    pub fn through(&self, url: &str) -> String {
        let (host, rest) = url.rsplit_once(':').expect("a URL has a port");
        let (_, path) = rest.split_once('/').expect("and a path");
        format!("{host}:{}/{path}", self.port)
    }

    /// Nothing passes from now on, and no connection ends.
    pub fn freeze(&self) {
        self.weather.send_replace(Weather::Frozen);
    }

    /// New connections end at once.
    pub fn refuse(&self) {
        self.weather.send_replace(Weather::Refusing);
    }

    /// Everything passes again.
    pub fn thaw(&self) {
        self.weather.send_replace(Weather::Fair);
    }

    /// Connections of now never pass anything again, and neither end is told; new ones pass.
    pub fn forget(&self) {
        self.forgotten.send_replace(*self.made.borrow());
        self.thaw();
    }

    /// Ends the connections of now.
    pub fn close_all(&self) {
        self.closed.send_replace(*self.made.borrow());
    }
}

type Hears = (watch::Receiver<Weather>, watch::Receiver<u64>, watch::Receiver<u64>);

async fn accept(listener: TcpListener, port: u16, hears: Hears, count: watch::Sender<u64>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                if *hears.0.borrow() == Weather::Refusing {
                    continue;
                }
                count.send_modify(|count| *count += 1);
                connections.spawn(forward(client, port, *count.borrow(), hears.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until it ends by itself or is closed.
async fn forward(client: TcpStream, port: u16, number: u64, hears: Hears) {
    let (weather, forgotten, mut closed) = hears;
    let both = async {
        let mut fair = weather.clone();
        if fair.wait_for(|weather| *weather == Weather::Fair).await.is_err() {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        // Closed when this ends, not when a direction does.
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (client.into_split(), server.into_split());
        let passes = (weather.clone(), forgotten.clone(), number);
        tokio::select! {
            () = pass(&mut from_client, &mut to_server, passes.clone()) => {}
            () = pass(&mut from_server, &mut to_client, passes) => {}
        }
        // Who is forgotten does not hear of the other's end either.
        if *forgotten.borrow() >= number {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = both => {}
        // Also when the proxy is gone.
        _ = closed.wait_for(|until| *until >= number) => {}
    }
}

type Passes = (watch::Receiver<Weather>, watch::Receiver<u64>, u64);

/// One direction, until it ends.
async fn pass(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, passes: Passes) {
    let (mut weather, forgotten, number) = passes;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await;
        // Also the news that an end has closed.
        if weather.wait_for(|weather| *weather != Weather::Frozen).await.is_err() {
            return;
        }
        let Ok(count @ 1..) = read else { return };
        if *forgotten.borrow() >= number {
            // The kernel goes on taking what is sent.
            while matches!(from.read(&mut buffer).await, Ok(1..)) {}
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
