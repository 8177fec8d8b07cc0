//! A receiver of webhooks whose answers a test decides request by request: any status, later,
//! or not at all. What arrives is kept, with the time of its arrival.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;

use super::receiver::{Peer, Receiver, Recorded, answer};

/// How long a test waits for what must come. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One request.
#[derive(Clone, Debug)]
pub struct Hook {
    recorded: Recorded,
    /// When it had arrived whole.
    pub at: Instant,
}

impl Hook {
    /// The path of the URL.
    pub fn path(&self) -> &str {
        self.recorded.line().split(' ').nth(1).unwrap_or_default()
    }

    /// POST, PUT or PATCH.
    pub fn method(&self) -> &str {
        self.recorded.line().split(' ').next().unwrap_or_default()
    }

    /// The value of a header; empty if it did not come.
    pub fn header(&self, name: &str) -> &str {
        self.recorded.header(name).unwrap_or_default()
    }

    /// The bytes of the body.
    pub fn body(&self) -> &[u8] {
        &self.recorded.body
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.body()).unwrap()
    }

    /// The body, parsed.
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.body()).unwrap()
    }

    /// `object` of the body.
    pub fn object(&self) -> Value {
        self.json()["object"].clone()
    }

    /// A member of `object`, as a number; for tables whose `id` tells rows apart.
    pub fn number(&self, member: &str) -> i64 {
        let object = self.object();
        let value = &object[member];
        value
            .as_i64()
            .or_else(|| value.as_str()?.parse().ok())
            .unwrap_or_else(|| panic!("{object}"))
    }

    /// As in `order.created`.
    pub fn event_type(&self) -> &str {
        self.header("x-webhook-event")
    }

    /// As in `evt_…`.
    pub fn event_id(&self) -> &str {
        self.header("x-webhook-event-id")
    }

    /// A function of event and endpoint.
    pub fn delivery_id(&self) -> &str {
        self.header("x-webhook-delivery")
    }

    /// From 1.
    pub fn attempt(&self) -> u32 {
        self.header("x-webhook-attempt").parse().unwrap()
    }
}

/// What a request gets.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An empty answer with this status.
    Status(u16),
    /// These bytes.
    Bytes(Vec<u8>),
    /// The same once the latch is open.
    After(Latch, Box<Reply>),
    /// The connection is closed without an answer.
    Drop,
    /// Nothing, ever.
    Silence,
}

impl Reply {
    /// An answer with header lines.
    pub fn with(status: &str, headers: &[&str]) -> Self {
        Self::Bytes(answer(status, headers, ""))
    }
}

/// Holds answers back until opened.
#[derive(Clone, Debug)]
pub struct Latch(Arc<watch::Sender<bool>>);

impl Latch {
    /// A closed one.
    pub fn new() -> Self {
        Self(Arc::new(watch::channel(false).0))
    }

    /// Lets everything through, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Whether it lets through.
    pub fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    /// 200 once open.
    pub fn then_ok(&self) -> Reply {
        Reply::After(self.clone(), Box::new(Reply::Status(200)))
    }

    async fn opened(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

/// The receiver.
pub struct Hooks {
    receiver: Receiver,
    hooks: Arc<Mutex<Vec<Hook>>>,
    count: watch::Receiver<usize>,
}

impl Hooks {
    /// Answers each request as `reply` says. It is told how many came before with the same
    /// delivery id.
    pub async fn start(reply: impl Fn(&Hook) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_on("127.0.0.1:0", reply).await
    }

    /// The same on another address of this machine.
    pub async fn start_on(
        address: &str,
        reply: impl Fn(&Hook) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let hooks = Arc::<Mutex<Vec<Hook>>>::default();
        let (counter, count) = watch::channel(0);
        let (kept, counter, reply) = (Arc::clone(&hooks), Arc::new(counter), Arc::new(reply));
        let receiver = Receiver::start_on(address, None, move |peer| {
            serve(peer, Arc::clone(&kept), Arc::clone(&counter), Arc::clone(&reply))
        })
        .await;
        Self { receiver, hooks, count }
    }

    /// Answers everything with 200.
    pub async fn ok() -> Self {
        Self::start(|_| Reply::Status(200)).await
    }

    /// `http://127.0.0.1:port` and `path`.
    pub fn url(&self, path: &str) -> String {
        self.receiver.url(path)
    }

    /// What has arrived, in order.
    pub fn all(&self) -> Vec<Hook> {
        self.hooks.lock().unwrap().clone()
    }

    /// What has arrived at `path`.
    pub fn at(&self, path: &str) -> Vec<Hook> {
        self.all().into_iter().filter(|hook| hook.path() == path).collect()
    }

    /// How many have arrived.
    pub fn len(&self) -> usize {
        self.hooks.lock().unwrap().len()
    }

    /// Waits until at least `count` have arrived.
    #[track_caller]
    pub fn arrived(&self, count: usize) -> impl Future<Output = Vec<Hook>> {
        self.until(move |hooks| hooks.len() >= count)
    }

    /// Waits until at least `count` have arrived at `path`.
    #[track_caller]
    pub fn arrived_at(&self, path: &'static str, count: usize) -> impl Future<Output = Vec<Hook>> {
        let all =
            self.until(move |hooks| hooks.iter().filter(|h| h.path() == path).count() >= count);
        async move { all.await.into_iter().filter(|hook| hook.path() == path).collect() }
    }

    /// Waits until `enough` is true of what has arrived.
    #[track_caller]
    pub fn until(&self, enough: impl Fn(&[Hook]) -> bool) -> impl Future<Output = Vec<Hook>> {
        let (caller, mut count) = (std::panic::Location::caller(), self.count.clone());
        let hooks = Arc::clone(&self.hooks);
        async move {
            let come = count.wait_for(|_| enough(&hooks.lock().unwrap()));
            let came = tokio::time::timeout(PATIENCE, come).await.is_ok();
            let hooks = hooks.lock().unwrap().clone();
            assert!(
                came,
                "{caller}: it did not come; {} others did: {}",
                hooks.len(),
                last(&hooks)
            );
            hooks
        }
    }
}

fn last(hooks: &[Hook]) -> String {
    let lines = hooks.iter().rev().take(20).rev().map(|hook| {
        let body = String::from_utf8_lossy(hook.body());
        format!(
            "\n  {} #{} {}",
            hook.path(),
            hook.attempt(),
            body.chars().take(160).collect::<String>()
        )
    });
    lines.collect()
}

async fn serve(
    mut peer: Peer,
    kept: Arc<Mutex<Vec<Hook>>>,
    counter: Arc<watch::Sender<usize>>,
    reply: Arc<impl Fn(&Hook) -> Reply>,
) {
    while let Some(recorded) = peer.request().await {
        let hook = Hook { recorded, at: Instant::now() };
        let mut reply = reply(&hook);
        kept.lock().unwrap().push(hook);
        counter.send_modify(|count| *count += 1);
        let bytes = loop {
            match reply {
                Reply::Status(status) => break answer(&format!("{status} X"), &[], ""),
                Reply::Bytes(bytes) => break bytes,
                Reply::Drop => return,
                Reply::Silence => return peer.closed().await,
                Reply::After(latch, then) => {
                    latch.opened().await;
                    reply = *then;
                }
            }
        };
        if !peer.send(&bytes).await {
            return;
        }
    }
}
