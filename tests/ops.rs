//! The port for operators over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use walhook::admin::ops::{self, Ops, Readiness};
use walhook::metrics::Metrics;
use walhook::secret::Secret;
use walhook::shutdown::{self, Trigger};

struct Running {
    address: SocketAddr,
    streaming: watch::Sender<bool>,
    writable: watch::Sender<bool>,
    gap: watch::Sender<bool>,
    metrics: Arc<Metrics>,
    stop: Trigger,
    server: JoinHandle<()>,
}

async fn start(token: Option<&str>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (streaming, streaming_now) = watch::channel(true);
    let (writable, writable_now) = watch::channel(true);
    let (gap, gap_now) = watch::channel(false);
    let metrics = Arc::new(Metrics::default());
    let ops = Ops {
        metrics: Arc::clone(&metrics),
        readiness: Readiness {
            streaming: streaming_now,
            writable: writable_now,
            stopped_at_gap: gap_now,
        },
        token: token.map(Secret::new),
    };
    let (stop, shutdown) = shutdown::channel();
    let server = tokio::spawn(ops::serve(listener, ops, shutdown));
    Running { address, streaming, writable, gap, metrics, stop, server }
}

impl Running {
    /// Status and body of one request on a connection of its own.
    async fn ask(&self, head: &str) -> (u16, String) {
        let answer = self.raw(head).await;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status.expect("a status line"), body.to_owned())
    }

    async fn raw(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        let request = format!("{head}\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("a request goes out");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }
}

#[tokio::test]
async fn ready_means_streaming_and_a_log_that_takes_rows() {
    let running = start(None).await;
    assert_eq!(running.ask("GET /readyz HTTP/1.1").await, (200, "ok\n".to_owned()));
    running.streaming.send_replace(false);
    let (status, body) = running.ask("GET /readyz HTTP/1.1").await;
    assert_eq!((status, body.as_str()), (503, "not streaming from the replication slot\n"));
    running.writable.send_replace(false);
    running.gap.send_replace(true);
    let (status, body) = running.ask("GET /readyz HTTP/1.1").await;
    assert_eq!(status, 503);
    assert_eq!(body.lines().count(), 3, "each missing part is named: {body}");
    assert_eq!(running.ask("GET /healthz HTTP/1.1").await.0, 200, "alive all the same");
}

#[tokio::test]
async fn metrics_are_openmetrics_text() {
    let running = start(None).await;
    running.metrics.slot_lag_bytes.set(7);
    let answer = running.raw("GET /metrics HTTP/1.1").await;
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0"));
    assert!(answer.contains("walhook_slot_lag_bytes 7\n") && answer.ends_with("# EOF\n"));
}

#[tokio::test]
async fn with_a_token_only_healthz_is_open() {
    let running = start(Some("t0ken")).await;
    assert_eq!(running.ask("GET /healthz HTTP/1.1").await.0, 200);
    for path in ["/readyz", "/metrics", "/nothing"] {
        for (header, status) in [
            ("", 401),
            ("\r\nAuthorization: Bearer t0ke", 401),
            ("\r\nAuthorization: Bearer t0kenn", 401),
            ("\r\nAuthorization: Basic t0ken", 401),
            ("\r\nAuthorization: Bearer t0ken", if path == "/nothing" { 404 } else { 200 }),
            ("\r\nauthorization: bearer t0ken", if path == "/nothing" { 404 } else { 200 }),
        ] {
            let answered = running.ask(&format!("GET {path} HTTP/1.1{header}")).await.0;
            assert_eq!(answered, status, "{path} with {header:?}");
        }
    }
}

#[tokio::test]
async fn other_paths_are_404_and_other_methods_405() {
    let running = start(None).await;
    assert_eq!(running.ask("GET / HTTP/1.1").await.0, 404);
    assert_eq!(running.ask("POST /metrics HTTP/1.1").await.0, 405);
    assert_eq!(running.ask("HEAD /metrics HTTP/1.1").await, (200, String::new()));
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_the_server() {
    let running = start(None).await;
    let mut idle = TcpStream::connect(running.address).await.expect("a connection");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("a request");
    let mut buffer = [0; 1024];
    assert!(idle.read(&mut buffer).await.expect("an answer") > 0);
    running.stop.stop();
    running.server.await.expect("the server ends");
    assert_eq!(idle.read(&mut buffer).await.expect("an end"), 0);
    assert!(TcpStream::connect(running.address).await.is_err(), "nobody listens any more");
}
