//! The receiver: counts and times what arrives, and costs as little as it can.
//!
//! One thread with its own event loop, since its cycles are taken from the same cores as those
//! of what is measured. A body carries its row's number as `"R-<number>`; each path counts which
//! numbers it has seen, so that losses and repeats show.

mod bitmap;
mod request;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use walhook::shutdown::{self, Shutdown, Trigger};

use bitmap::Bitmap;
use request::Request;

/// A running receiver; ends when dropped.
pub(crate) struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    held: watch::Sender<bool>,
    stop: Trigger,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    unique: AtomicU64,
    target: AtomicU64,
    reached: Notify,
    refuses: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Vec<Bitmap>,
    times_kept: bool,
    times: Vec<(u64, SystemTime)>,
    tally: Tally,
    first: Option<Instant>,
    last: Option<Instant>,
}

/// What arrived since the last reset.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Different rows, summed over the paths.
    pub(crate) unique: u64,
    /// Rows that came again.
    pub(crate) repeated: u64,
    /// Bodies without a row's number.
    pub(crate) strange: u64,
    /// Requests that were refused on purpose.
    pub(crate) refused: u64,
    /// Bytes of all accepted bodies.
    pub(crate) bytes: u64,
    /// From the first accepted to the last.
    pub(crate) span: Duration,
}

impl Sink {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let (stop, shutdown) = shutdown::channel();
        let (held, is_held) = watch::channel(false);
        let for_thread = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let serve = move || {
            // An error would be that of registering the listener, which was made for this.
            let _ = runtime.block_on(accept(listener, (for_thread, is_held), shutdown));
        };
        let thread = std::thread::Builder::new().name("sink".to_owned()).spawn(serve)?;
        Ok(Self { address, shared, held, stop, thread: Some(thread) })
    }

    /// Where endpoint number `index` sends to.
    pub(crate) fn url(&self, index: usize) -> String {
        format!("http://{}/e/{index}", self.address)
    }

    /// Forgets everything; `times_kept`: remembers when each row came first.
    pub(crate) fn reset(&self, times_kept: bool) {
        let mut state = self.shared.lock();
        *state = State { times_kept, ..State::default() };
        self.shared.unique.store(0, Ordering::Relaxed);
        self.shared.target.store(u64::MAX, Ordering::Relaxed);
    }

    /// Answers 500 to everything, or no longer.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::Relaxed);
    }

    /// Takes requests and does not answer them, or answers all of them at last.
    pub(crate) fn hold(&self, holds: bool) {
        self.held.send_replace(holds);
    }

    /// Different rows so far.
    pub(crate) fn unique(&self) -> u64 {
        self.shared.unique.load(Ordering::Relaxed)
    }

    /// Waits until `target` different rows have come; false if none came for `patience`.
    pub(crate) async fn wait(&self, target: u64, patience: Duration) -> bool {
        self.shared.target.store(target, Ordering::Relaxed);
        loop {
            let before = self.unique();
            if before >= target {
                return true;
            }
            let reached = tokio::time::timeout(patience, self.shared.reached.notified()).await;
            if reached.is_err() && self.unique() == before {
                return false;
            }
        }
    }

    /// What arrived.
    pub(crate) fn tally(&self) -> Tally {
        let state = self.shared.lock();
        let span = state.first.zip(state.last).map(|(first, last)| last - first);
        Tally { unique: self.unique(), span: span.unwrap_or_default(), ..state.tally }
    }

    /// When each row came first.
    pub(crate) fn times(&self) -> Vec<(u64, SystemTime)> {
        std::mem::take(&mut self.shared.lock().times)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request; the status to answer with.
    fn take(&self, request: &Request<'_>) -> &'static [u8] {
        let mut state = self.lock();
        if self.refuses.load(Ordering::Relaxed) {
            state.tally.refused += 1;
            return b"HTTP/1.1 500 Refused\r\ncontent-length: 0\r\n\r\n";
        }
        let now = Instant::now();
        state.first.get_or_insert(now);
        state.last = Some(now);
        state.tally.bytes += request.body.len() as u64;
        match request.row {
            None => state.tally.strange += 1,
            Some(row) if state.is_new(request.path, row) => {
                if state.times_kept {
                    state.times.push((row, SystemTime::now()));
                }
                let unique = self.unique.fetch_add(1, Ordering::Relaxed) + 1;
                if unique == self.target.load(Ordering::Relaxed) {
                    self.reached.notify_one();
                }
            }
            Some(_) => state.tally.repeated += 1,
        }
        b"HTTP/1.1 204 No Content\r\n\r\n"
    }
}

impl State {
    fn is_new(&mut self, path: usize, row: u64) -> bool {
        if self.seen.len() <= path {
            self.seen.resize_with(path + 1, Bitmap::default);
        }
        self.seen[path].set(row)
    }
}

async fn accept(
    listener: std::net::TcpListener,
    (shared, is_held): (Arc<Shared>, watch::Receiver<bool>),
    mut shutdown: Shutdown,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    // They end with the runtime, which ends with this function.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(serve(stream, Arc::clone(&shared), is_held.clone()));
            }
            Some(_) = connections.join_next() => {}
            () = shutdown.stopped() => return Ok(()),
        }
    }
}

/// One connection, until the peer closes it or says something that is not HTTP.
async fn serve(
    mut stream: TcpStream,
    shared: Arc<Shared>,
    mut is_held: watch::Receiver<bool>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    loop {
        while let Some(request) = Request::parse(&buffer)? {
            let (answer, length) = (shared.take(&request), request.length);
            if *is_held.borrow() {
                // An error means that the receiver ends, and this with it.
                let _ = is_held.wait_for(|held| !held).await;
            }
            stream.write_all(answer).await?;
            let _ = buffer.split_to(length);
        }
        buffer.reserve(4 * 1024);
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}
