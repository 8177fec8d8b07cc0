//! A provider: posts signed events over many connections and times the answers.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Failed;
use crate::measure;

/// Bytes of filling, so that a body has about 1 KB.
const FILLING: usize = 800;

/// Posts that were answered.
pub(crate) struct Answers {
    /// Milliseconds of each, sorted.
    pub(crate) milliseconds: Vec<f64>,
    /// From the first to the last.
    pub(crate) elapsed: Duration,
    /// How many were answered with another status than 200.
    pub(crate) refused: usize,
    /// Processor seconds of this process meanwhile.
    pub(crate) sender_seconds: f64,
}

/// Posts `count` events with ids from `first` on over `connections`.
pub(crate) async fn post(
    port: u16,
    secret: &str,
    (first, count): (u64, u64),
    connections: usize,
) -> Result<Answers, Failed> {
    let requests: Vec<Vec<u8>> =
        (first..first + count).map(|number| request(secret, number)).collect();
    let (requests, next) = (&requests, &Cell::new(0));
    let spent = || measure::process_seconds(std::process::id()).unwrap_or(f64::NAN);
    let (begun, spent_before) = (Instant::now(), spent());
    let ended = join_all((0..connections).map(|_| converse(port, requests, next))).await;
    let (elapsed, sender_seconds) = (begun.elapsed(), spent() - spent_before);
    let (mut milliseconds, mut refused) = (Vec::with_capacity(requests.len()), 0);
    for one in ended {
        let (times, others) = one?;
        milliseconds.extend(times);
        refused += others;
    }
    milliseconds.sort_unstable_by(f64::total_cmp);
    Ok(Answers { milliseconds, elapsed, refused, sender_seconds })
}

/// One connection, which takes the next request as soon as it has an answer.
async fn converse(
    port: u16,
    requests: &[Vec<u8>],
    next: &Cell<usize>,
) -> Result<(Vec<f64>, usize), Failed> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (mut times, mut refused, mut answer) = (Vec::new(), 0, Vec::new());
    while let Some(request) = requests.get(next.replace(next.get() + 1)) {
        let begun = Instant::now();
        stream.write_all(request).await?;
        answer.clear();
        while !is_whole(&answer) {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err("the connection was closed".into());
            }
        }
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        refused += usize::from(!answer.starts_with(b"HTTP/1.1 200"));
    }
    Ok((times, refused))
}

/// Both receivers answer with a JSON object or in chunks, in one piece. Looking no closer keeps
/// the cost of a post small beside what is measured, which shares its cores.
fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"}") || answer.ends_with(b"\r\n0\r\n\r\n")
}

/// An event as Stripe signs it.
fn request(secret: &str, number: u64) -> Vec<u8> {
    let body = format!(
        r#"{{"id":"evt_bench{number}","object":"event","type":"charge.succeeded","livemode":false,"data":{{"object":{{"id":"ch_{number}","amount":5000,"currency":"usd","description":"{}"}}}}}}"#,
        "x".repeat(FILLING)
    );
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{time}.").as_bytes());
    mac.update(body.as_bytes());
    let signature: String =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let length = body.len();
    format!(
        "POST /webhooks/stripe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Stripe-Signature: t={time},v1={signature}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
