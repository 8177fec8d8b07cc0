//! A provider: signs, posts over sockets of its own, and reads the answers.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::daemon::Daemon;
use super::hooks::PATIENCE;

/// The receiver of a daemon.
#[derive(Clone, Copy, Debug)]
pub struct Poster {
    pub address: SocketAddr,
}

/// What a post was answered with.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Lower-case lines of the head.
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }
}

impl Poster {
    /// Once the daemon receives.
    #[track_caller]
    pub fn of(daemon: &Daemon) -> impl Future<Output = Self> {
        let said = daemon.says("receiving webhooks");
        async move { Self { address: said.await["address"].as_str().unwrap().parse().unwrap() } }
    }

    /// Posts `body` to `path` on a connection of its own.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.request("POST", path, headers, body).await
    }

    /// An event signed as Stripe does, to the source `stripe`.
    pub async fn stripe(&self, secret: &str, body: &str) -> Answer {
        let signature = stripe_signature(secret, now(), body.as_bytes());
        let headers = [("Stripe-Signature", signature.as_str())];
        self.post("/webhooks/stripe", &headers, body.as_bytes()).await
    }

    /// The status of the same, if it is answered at all.
    pub async fn try_stripe(&self, secret: &str, body: &str) -> Option<u16> {
        let signature = stripe_signature(secret, now(), body.as_bytes());
        let headers = [("Stripe-Signature", signature.as_str())];
        let answer =
            self.exchange("POST", "/webhooks/stripe", &headers, body.as_bytes()).await.ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    /// Any request.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let answer = self.exchange(method, path, headers, body).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<String> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: hooks.example.com\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await?;
            // A refused body may end the connection before all of it was sent.
            let _ = stream.write_all(&request).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        tokio::time::timeout(PATIENCE, exchange).await.expect("an answer comes")
    }
}

/// Unix seconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// Hex HMAC-SHA256 of `parts`.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The header of a body that Stripe signed at `time`.
pub fn stripe_signature(secret: &str, time: u64, body: &[u8]) -> String {
    let stamp = format!("{time}.");
    format!("t={time},v1={}", hmac_sha256(secret.as_bytes(), &[stamp.as_bytes(), body]))
}

/// A Stripe event.
pub fn stripe_event(id: &str, event_type: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"event","type":"{event_type}","created":1780000000,"data":{{"object":{{"id":"ch_{id}","amount":5000,"status":"succeeded"}}}}}}"#
    )
}
