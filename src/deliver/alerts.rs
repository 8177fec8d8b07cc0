//! Alerts to `[alerts] url`: each new row of `walhook.alert`, whoever raised it, posted as
//! `{"text": …}` at least once, under the guard of deliveries.
//!
//! Its own task with its own session, beside the pipeline: a gap that keeps the pipeline from
//! starting is told as well, and a chat that hangs holds up nothing. Rows are claimed for a while
//! and marked when they were taken, so that of several daemons one posts, and one that died in
//! between has another follow it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE};
use http_body_util::Full;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use url::Url;

use super::answer::retry_after;
use super::call;
use super::connector::Step;
use super::failure::{answered, chain};
use super::network::Network;
use crate::config::dsn::Dsn;
use crate::secret::SecretUrl;
use crate::shutdown::Shutdown;
use crate::store::{DueAlert, Session, StoreError, Told, reconnect_backoff};

/// Where alerts are read, and where they go.
pub struct Setup {
    /// The database.
    pub dsn: Dsn,
    /// `[alerts] url`; without it nothing is posted.
    pub url: Option<SecretUrl>,
    /// How addresses are reached.
    pub network: Arc<Network>,
}

/// A chat that is slower is tried again.
const DEADLINE: Duration = Duration::from_secs(10);

/// Longer than posting what is claimed at a time may take.
const LEASE: Duration = Duration::from_secs(60);

/// So many are claimed at a time.
const MOST_AT_A_TIME: i64 = 20;

/// More than these at a time go into one text: chats take about one a second.
const MOST_APART: usize = 3;

/// Pauses between tries, which are one more.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(900),
];

/// A chat that asks for more patience than this is tried all the same.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How often is looked for what was raised without a notification, or is due again.
const LOOK: Duration = Duration::from_secs(10);

/// How long the end of the daemon may wait for the last of them.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How often is looked whether `walhook init` was run since an upgrade.
const LOOK_FOR_SCHEMA: Duration = Duration::from_secs(60);

/// Posts alerts until told to stop, and then what was raised by whatever ended the daemon.
pub async fn run(mut setup: watch::Receiver<Arc<Setup>>, mut shutdown: Shutdown) {
    loop {
        let current = Arc::clone(&setup.borrow_and_update());
        tokio::select! {
            () = post_all(&current, shutdown.clone()) => return,
            changed = setup.changed() => if changed.is_err() { return },
            () = after_stop(&mut shutdown) => return,
        }
    }
}

async fn after_stop(shutdown: &mut Shutdown) {
    shutdown.stopped().await;
    sleep(LAST_WORDS).await;
}

async fn post_all(setup: &Setup, mut shutdown: Shutdown) {
    let Some(url) = &setup.url else { return shutdown.stopped().await };
    let mut backoff = reconnect_backoff();
    loop {
        let began = Instant::now();
        let Err(error) = listen(setup, url.expose(), &mut shutdown).await else { return };
        if began.elapsed() > LOOK {
            backoff = reconnect_backoff();
        }
        let pause = match error.is_missing_schema() {
            true => LOOK_FOR_SCHEMA,
            false => backoff.next().unwrap_or(LOOK),
        };
        tracing::warn!(error = %chain(&error), ?pause, "alerts are not posted just now");
        tokio::select! {
            () = sleep(pause) => {}
            () = shutdown.stopped() => return,
        }
    }
}

/// Posts what there is and what comes; when told to stop, only the former.
async fn listen(setup: &Setup, url: &Url, shutdown: &mut Shutdown) -> Result<(), StoreError> {
    let news = Arc::new(Notify::new());
    let session = Session::listen_to_alerts(&setup.dsn, Arc::clone(&news)).await?;
    loop {
        let is_last = shutdown.is_stopped();
        let claimed = session.claim_alerts(MOST_AT_A_TIME, LEASE).await?;
        let at_a_time = if claimed.len() > MOST_APART { claimed.len() } else { 1 };
        for alerts in claimed.chunks(at_a_time) {
            let posted = timeout(DEADLINE, Box::pin(post(setup, url, alerts))).await;
            let late = || Refusal::new(format!("no answer within {DEADLINE:?}"));
            let told = match posted.unwrap_or_else(|_| Err(late())) {
                Ok(()) => Told::Taken,
                Err(refusal) => refusal.judge(url, alerts),
            };
            session.settle_alerts(alerts, told).await?;
        }
        if claimed.is_empty() && is_last {
            return Ok(());
        }
        if claimed.is_empty() {
            tokio::select! {
                () = news.notified() => {}
                () = sleep(LOOK) => {}
                () = shutdown.stopped() => {}
            }
        }
    }
}

/// Alerts that were not taken.
struct Refusal {
    why: String,
    /// What the chat asks for.
    retry_after: Option<Duration>,
}

impl Refusal {
    fn new(why: String) -> Self {
        Self { why, retry_after: None }
    }

    fn judge(self, url: &Url, alerts: &[DueAlert]) -> Told {
        let tries = alerts.iter().map(|alert| alert.tries).min().unwrap_or(1);
        let pause = usize::try_from(tries - 1).ok().and_then(|retry| PAUSES.get(retry)).copied();
        let pause = pause.map(|pause| pause.max(self.retry_after.unwrap_or_default()));
        // The rest of the URL is a secret.
        let host = url.host_str().unwrap_or_default();
        let Self { why, .. } = self;
        match pause {
            Some(pause) => {
                tracing::warn!(host, why, tries, ?pause, "an alert was not taken; trying again");
                Told::Again(pause.min(LONGEST_PAUSE))
            }
            None => {
                tracing::error!(host, why, tries, "an alert was not taken and is given up");
                Told::Never
            }
        }
    }
}

async fn post(setup: &Setup, url: &Url, alerts: &[DueAlert]) -> Result<(), Refusal> {
    let refused = |why| Refusal::new(why);
    let tls = match url.scheme() {
        "https" => Some(setup.network.system_tls().map_err(|error| refused(chain(&error)))?),
        _ => None,
    };
    let body = serde_json::json!({ "text": text(alerts) }).to_string();
    let request = call::request(Method::POST, url)
        .header(ACCEPT, "*/*")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(body))
        .map_err(|_| refused("it is not a URL that can be called".to_owned()))?;
    let at = (&*setup.network, url);
    let answer = call::call(at, tls.as_ref(), request, &mut Step::default()).await;
    let answer = answer.map_err(|error| refused(chain(&error)))?;
    match answer.status {
        status if status.is_success() => Ok(()),
        status => {
            let asked = answer.retry_after().and_then(|v| retry_after(v, SystemTime::now()));
            Err(Refusal { retry_after: asked, ..refused(answered(status.as_u16())) })
        }
    }
}

/// Of one alert alone; of several, each has its share.
const LONGEST_TEXT: usize = 4000;

/// One line for each alert.
fn text(alerts: &[DueAlert]) -> String {
    let longest = LONGEST_TEXT / alerts.len().max(1);
    let mut text = String::new();
    for alert in alerts {
        if !text.is_empty() {
            text.push('\n');
        }
        let line = format!("[{}] {}: {}", alert.severity, alert.kind, alert.message);
        push_escaped(&mut text, &line, longest);
    }
    text
}

/// As chats want it: `&`, `<` and `>` escaped, since names of tables and types must not mention
/// everybody in the channel; and on one line.
fn push_escaped(text: &mut String, line: &str, longest: usize) {
    let end = text.len() + longest;
    for character in line.chars() {
        if text.len() >= end {
            text.push('…');
            return;
        }
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            control if control.is_control() => text.push(' '),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(message: &str, tries: i32) -> DueAlert {
        let (severity, kind) = ("critical".to_owned(), "gap".to_owned());
        DueAlert { id: 1, severity, kind, message: message.to_owned(), tries }
    }

    #[test]
    fn an_alert_is_one_line_that_mentions_nobody() {
        let alert = alert("slot walhook:\na < b & <!channel>\u{7}", 1);
        let expected = "[critical] gap: slot walhook: a &lt; b &amp; &lt;!channel&gt; ";
        assert_eq!(text(&[alert]), expected);
    }

    #[test]
    fn the_text_is_bounded_however_long_and_many_the_alerts_are() {
        let long = alert(&"é<".repeat(100_000), 1);
        for count in [1, 2, 20] {
            let text = text(&vec![long.clone(); count]);
            assert!(text.len() <= LONGEST_TEXT + 20 * count, "{}", text.len());
            assert_eq!(text.matches('…').count(), count);
            assert_eq!(text.lines().count(), count);
        }
    }

    #[test]
    fn an_alert_that_is_not_taken_is_tried_a_few_times_at_growing_distances() {
        let url = "https://hooks.example.com/".parse().unwrap();
        let judge = |tries, asked: Option<u64>| {
            let retry_after = asked.map(Duration::from_secs);
            Refusal { why: String::new(), retry_after }.judge(&url, &[alert("", tries)])
        };
        let again = |seconds| Told::Again(Duration::from_secs(seconds));
        let expected = [again(10), again(60), again(300), again(900), Told::Never];
        assert_eq!([1, 2, 3, 4, 5].map(|tries| judge(tries, None)), expected);
        assert_eq!(judge(1, Some(30)), again(30), "as the chat asks");
        assert_eq!(judge(1, Some(3)), again(10));
        assert_eq!(judge(1, Some(86_400)), again(3600));
    }
}
