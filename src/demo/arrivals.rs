//! What must arrive against what does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use super::act::Expected;
use crate::admin::receiver::Received;

/// A daemon on the same machine takes milliseconds; with its retries, seconds.
const MOST_WAIT: Duration = Duration::from_secs(15);

/// As many events may be repeated after a restart, at one change a second.
const MOST_REMEMBERED: usize = 1000;

/// How the demo went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Deliveries that the shop's commits must cause.
    pub expected: u64,
    /// Of those, the ones that arrived and verified.
    pub arrived: u64,
    /// Deliveries that came again with an id seen before, which is allowed.
    pub repeated: u64,
    /// Requests that did not verify.
    pub refused: u64,
    /// Deliveries that nothing in the shop explains.
    pub unexpected: u64,
    /// Time from commit to arrival, of all that arrived.
    pub waited: Duration,
}

impl Tally {
    /// Whether everything came, and nothing else.
    pub fn is_good(&self) -> bool {
        self.arrived == self.expected && self.refused == 0 && self.unexpected == 0
    }
}

/// A delivery, as far as the demo shows it.
#[derive(Debug)]
pub(super) struct Arrival {
    /// The request.
    pub received: Received,
    /// What its body says.
    pub body: Body,
    /// Since the commit.
    pub waited: Duration,
}

/// The members of a body that the demo shows.
#[derive(Debug, Deserialize)]
pub(super) struct Body {
    /// The event's id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The row, as sent.
    pub object: Box<RawValue>,
    /// What changed, as sent.
    pub changes: Option<Box<RawValue>>,
    /// Who did it, as sent.
    pub user: Option<Box<RawValue>>,
}

impl Body {
    /// The row's primary key: `id` of customers and orders, `sku` of products.
    fn key(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Keys {
            id: Option<String>,
            sku: Option<String>,
        }
        let keys: Keys = serde_json::from_str(self.object.get()).ok()?;
        keys.id.or(keys.sku)
    }
}

/// Compares what the receiver reports with what the shop expects.
pub(super) struct Arrivals {
    reports: mpsc::Receiver<Received>,
    remembered: VecDeque<String>,
    /// So far.
    pub tally: Tally,
}

/// What a report turned out to be.
pub(super) enum Report {
    /// A delivery that was due.
    Due(Box<Arrival>),
    /// A request that is refused, or that nothing explains.
    Odd(Box<Received>),
}

impl Arrivals {
    pub(super) fn new(reports: mpsc::Receiver<Received>) -> Self {
        Self { reports, remembered: VecDeque::new(), tally: Tally::default() }
    }

    /// The next report while `due` deliveries of a commit at `committed` are outstanding; takes
    /// it off `due`. `None`: the time is up. Repeats are counted and passed over.
    pub(super) async fn next(
        &mut self,
        due: &mut Vec<Expected>,
        committed: Instant,
    ) -> Option<Report> {
        let deadline = (committed + MOST_WAIT).into();
        loop {
            let received = timeout_at(deadline, self.reports.recv()).await.ok()??;
            if let Some(report) = self.judge(received, due, committed) {
                return Some(report);
            }
        }
    }

    fn judge(
        &mut self,
        received: Received,
        due: &mut Vec<Expected>,
        committed: Instant,
    ) -> Option<Report> {
        if !received.verdict.is_verified() {
            self.tally.refused += 1;
            return Some(Report::Odd(Box::new(received)));
        }
        let Ok(body) = serde_json::from_slice::<Body>(&received.body) else {
            self.tally.unexpected += 1;
            return Some(Report::Odd(Box::new(received)));
        };
        if self.remembered.contains(&body.id) {
            self.tally.repeated += 1;
            return None;
        }
        self.remembered.push_back(body.id.clone());
        if self.remembered.len() > MOST_REMEMBERED {
            self.remembered.pop_front();
        }
        let key = body.key();
        let is_this =
            |e: &Expected| e.event_type == body.event_type && Some(&e.key) == key.as_ref();
        let Some(place) = due.iter().position(is_this) else {
            self.tally.unexpected += 1;
            return Some(Report::Odd(Box::new(received)));
        };
        due.remove(place);
        let waited = received.at.saturating_duration_since(committed);
        self.tally.arrived += 1;
        self.tally.waited += waited;
        Some(Report::Due(Box::new(Arrival { received, body, waited })))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use http::{HeaderMap, Method, StatusCode};

    use super::*;
    use crate::admin::verdict::Verdict;
    use crate::sign::Scheme;

    pub(in super::super) fn delivery(id: &str, event_type: &str, key: &str) -> Received {
        let body = format!(
            r#"{{"id":"{id}","type":"{event_type}","object":{{"id":"{key}","total":"1.10"}},"changes":{{"status":{{"old":"pending","new":"paid"}}}},"user":{{"username":"anna"}}}}"#
        );
        Received {
            method: Method::POST,
            path: "/hooks".to_owned(),
            headers: HeaderMap::new(),
            body: body.into(),
            verdict: Verdict::Verified(vec![Scheme::Body]),
            answer: StatusCode::OK,
            at: Instant::now(),
        }
    }

    /// What comes of `received` while an update of order 1 is due.
    async fn tally_of(received: Vec<Received>) -> (Tally, Vec<Expected>) {
        let (sink, reports) = mpsc::channel(8);
        for one in received {
            sink.send(one).await.unwrap();
        }
        drop(sink);
        let mut arrivals = Arrivals::new(reports);
        let mut due = vec![Expected { event_type: "order.updated", key: "1".to_owned() }];
        arrivals.tally.expected = 1;
        while arrivals.next(&mut due, Instant::now()).await.is_some() {}
        (arrivals.tally, due)
    }

    #[tokio::test]
    async fn a_delivery_that_is_due_arrives_once_and_may_be_repeated() {
        let twice =
            vec![delivery("evt_1", "order.updated", "1"), delivery("evt_1", "order.updated", "1")];
        let (tally, due) = tally_of(twice).await;
        assert!(due.is_empty() && tally.is_good());
        assert_eq!((tally.arrived, tally.repeated), (1, 1));
    }

    #[tokio::test]
    async fn what_nothing_explains_spoils_the_demo() {
        for odd in
            [delivery("evt_2", "order.updated", "2"), delivery("evt_2", "order.deleted", "1")]
        {
            let (tally, due) = tally_of(vec![odd, delivery("evt_1", "order.updated", "1")]).await;
            assert!(due.is_empty() && !tally.is_good());
            assert_eq!(tally.unexpected, 1);
        }
    }

    #[tokio::test]
    async fn what_does_not_verify_does_not_count() {
        let refused =
            Received { verdict: Verdict::Unsigned, ..delivery("evt_1", "order.updated", "1") };
        let (tally, due) = tally_of(vec![refused]).await;
        assert_eq!((due.len(), tally.refused, tally.arrived), (1, 1, 0));
        assert!(!tally.is_good());
    }

    #[tokio::test]
    async fn a_body_that_is_no_event_is_unexpected() {
        let garbage = Received { body: "{}".into(), ..delivery("evt_1", "order.updated", "1") };
        assert_eq!(tally_of(vec![garbage]).await.0.unexpected, 1);
    }
}
