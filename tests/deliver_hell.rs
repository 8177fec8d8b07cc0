//! Receivers from hell: each has its outcome, and the deadline holds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/attempts.rs"]
mod attempts;
mod support {
    pub(crate) mod hell;
    pub(crate) mod receiver;
}

use std::time::Duration;

use attempts::{client, delivery, endpoint};
use support::hell::{self, Outcome, Rude};
use walhook::endpoint::Endpoint;
use walhook::event::Attempt;

/// Enough for a busy machine to hear what is said at once.
const DEADLINE: Duration = Duration::from_secs(2);

/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

fn outcome(attempt: &Attempt) -> Outcome {
    match (attempt.status, &attempt.error) {
        (Some(status), _) => Outcome::Status(status),
        (None, Some((class, _))) => Outcome::Class(class.as_str()),
        (None, None) => panic!("neither status nor failure"),
    }
}

async fn face(rude: Rude, body: Vec<u8>) {
    let (name, expected) = (rude.name, rude.outcome);
    let receiver = rude.start().await;
    let endpoint = Endpoint { timeout: DEADLINE, ..endpoint(&receiver.url("/")) };
    let delivery = delivery(body);
    let (attempt, _) = client(&endpoint).attempt(None, &delivery, 1).await;
    assert_eq!(outcome(&attempt), expected, "{name}: {attempt:?}");
    let is_success = matches!(expected, Outcome::Status(200..=299));
    assert_eq!(attempt.error.is_none(), is_success, "{name}: {attempt:?}");
    assert!(attempt.duration < DEADLINE + SLACK, "{name}: {:?}", attempt.duration);
    assert!(attempt.response_body.len() <= attempts::KEPT, "{name}");
}

#[tokio::test]
async fn each_receiver_from_hell_has_its_outcome_within_the_deadline() {
    let faced = hell::all().into_iter().map(|rude| face(rude, b"{}".to_vec()));
    futures_util::future::join_all(faced).await;
}

#[tokio::test]
async fn so_has_each_that_does_not_read_with_a_body_that_no_buffer_takes() {
    let deaf = hell::all().into_iter().filter(|rude| !rude.reads);
    let faced = deaf.map(|rude| face(rude, vec![b'x'; 16 << 20]));
    futures_util::future::join_all(faced).await;
}
