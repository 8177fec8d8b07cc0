//! Order under random arrivals, outcomes and reads.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::endpoint::EndpointId;
use crate::event::budget::Share;
use crate::event::{Delivery, Event, EventId};
use crate::lsn::{Lsn, Position};

fn job(number: u64, keys: [u64; 2]) -> Arc<Job> {
    let event = Event {
        id: EventId(u128::from(number)),
        event_type: Arc::from("order.updated"),
        position: Position { commit: Lsn(number), ordinal: 0 },
        commit_time: 0,
        keys,
    };
    let delivery = Delivery {
        id: DeliveryId(Uuid::from_u128(u128::from(number))),
        endpoint: EndpointId(Uuid::nil()),
        event: Arc::new(event),
        body: Bytes::new(),
    };
    Arc::new(Job::routed(delivery, 0, number, Share::new(0).take(0)))
}

fn number(job: &Job) -> u64 {
    job.delivery.event.position.commit.0
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Retry,
    Blocked,
}

/// A lane and its queue, reduced to what concerns order.
struct Model {
    keys: Keys,
    under_way: BTreeMap<u64, Arc<Job>>,
    /// Rows of the queue, by number.
    rows: BTreeMap<u64, ([u64; 2], State)>,
    unfinished: BTreeMap<u64, [u64; 2]>,
}

impl Model {
    fn arrive(&mut self, job: Arc<Job>) {
        self.unfinished.insert(number(&job), job.delivery.event.keys);
        match self.keys.admit(&job) {
            Admission::Start => self.start(job),
            Admission::Wait => {}
            Admission::Block => self.block(&job),
            Admission::Hold => panic!("only where the order is the endpoint's"),
        }
    }

    fn block(&mut self, job: &Job) {
        self.rows.insert(number(job), (job.delivery.event.keys, State::Blocked));
    }

    fn start(&mut self, job: Arc<Job>) {
        let this = number(&job);
        for (other, keys) in self.unfinished.range(..this) {
            let shares = keys.iter().any(|key| job.delivery.event.keys.contains(key));
            assert!(!shares, "{this} overtakes {other}");
        }
        assert!(self.under_way.insert(this, job).is_none(), "{this} is sent twice at a time");
    }

    fn end(&mut self, this: u64, is_done: bool) {
        let Some(job) = self.under_way.remove(&this) else { return };
        if is_done {
            self.rows.remove(&this);
            self.unfinished.remove(&this);
            for next in self.keys.finish(&job) {
                self.start(next);
            }
            self.read();
        } else {
            for displaced in self.keys.stick(&job) {
                self.block(&displaced);
            }
            self.rows.insert(this, (job.delivery.event.keys, State::Retry));
        }
    }

    fn retry(&mut self, this: u64) {
        let keys = self.rows[&this].0;
        if !self.under_way.contains_key(&this) {
            self.start(job(this, keys));
        }
    }

    /// What `blocked_run` answers, for every key that asks.
    fn read(&mut self) {
        let mut held = Vec::new();
        while let Some((key, _)) = self.keys.next_to_read() {
            let free = |this: &u64| !self.under_way.contains_key(this);
            let blocked = |(this, (keys, state)): &(&u64, &([u64; 2], State))| {
                *state == State::Blocked && keys.contains(&key) && free(this)
            };
            let candidates: Vec<(u64, [u64; 2])> =
                self.rows.iter().filter(blocked).map(|(n, (keys, _))| (*n, *keys)).collect();
            let run = match candidates.first() {
                Some((this, keys)) if keys[0] != keys[1] => {
                    let other = if keys[0] == key { keys[1] } else { keys[0] };
                    if self.rows.range(..this).any(|(_, (keys, _))| keys.contains(&other)) {
                        held.push(key);
                        continue;
                    }
                    vec![(*this, *keys)]
                }
                _ => candidates.into_iter().take_while(|(_, k)| k[0] == k[1]).collect(),
            };
            let run = run.into_iter().map(|(this, keys)| job(this, keys)).collect();
            if let Some(first) = self.keys.take_run((key, true), run) {
                self.start(first);
            }
        }
        held.into_iter().for_each(|key| self.keys.read_again(key));
    }
}

proptest! {
    #[test]
    fn no_delivery_overtakes_another_of_its_key_and_none_is_forgotten(
        steps in prop::collection::vec((0u8..4, 0usize..8, 0u64..4, 0u64..12), 0..200),
    ) {
        let mut model = Model {
            keys: Keys::new(Ordering::Key, []),
            under_way: BTreeMap::new(),
            rows: BTreeMap::new(),
            unfinished: BTreeMap::new(),
        };
        for (next, (action, pick, key, former)) in steps.into_iter().enumerate() {
            let former = if former < 4 { former } else { key };
            let nth = |model: &Model| model.under_way.keys().nth(pick).copied();
            match action {
                0 => model.arrive(job(next as u64 + 1, [key, former])),
                1 | 2 => {
                    if let Some(this) = nth(&model) {
                        model.end(this, action == 1);
                    }
                }
                _ => {
                    let due = |(this, (_, state)): (&u64, &([u64; 2], State))| {
                        (*state == State::Retry).then_some(*this)
                    };
                    if let Some(this) = model.rows.iter().filter_map(due).nth(pick) {
                        model.retry(this);
                    }
                }
            }
        }
        for _ in 0..10_000 {
            let Some(first) = model.under_way.keys().next().copied() else {
                let retry = model.rows.iter().find(|(_, (_, state))| *state == State::Retry);
                let Some(this) = retry.map(|(this, _)| *this) else {
                    model.read();
                    if model.under_way.is_empty() { break }
                    continue;
                };
                model.retry(this);
                continue;
            };
            model.end(first, true);
        }
        prop_assert!(model.unfinished.is_empty(), "left: {:?}", model.unfinished);
        prop_assert_eq!(model.keys.waiting_count(), 0);
        prop_assert!(model.keys.busy.is_empty() && model.keys.stuck.is_empty());
    }
}

#[test]
fn where_the_endpoint_orders_a_retry_holds_everything() {
    let mut keys = Keys::new(Ordering::Endpoint, []);
    let jobs: Vec<_> = (1..4).map(|n| job(n, [n, n])).collect();
    assert_eq!(keys.admit(&jobs[0]), Admission::Start);
    assert_eq!(keys.admit(&jobs[1]), Admission::Wait);
    assert_eq!(keys.stick(&jobs[0]).len(), 1);
    assert_eq!(keys.admit(&jobs[1]), Admission::Hold);
    assert!(keys.finish(&jobs[0]).is_empty());
    assert_eq!(keys.admit(&jobs[1]), Admission::Start);
}

#[test]
fn without_order_nothing_waits() {
    let mut keys = Keys::new(Ordering::None, []);
    let (first, second) = (job(1, [7, 7]), job(2, [7, 7]));
    assert_eq!(keys.admit(&first), Admission::Start);
    assert!(keys.stick(&first).is_empty());
    assert_eq!(keys.admit(&second), Admission::Start);
}

#[test]
fn a_blocked_row_that_has_its_key_keeps_it_when_the_rest_goes_back_to_the_queue() {
    let mut keys = Keys::new(Ordering::Key, [7]);
    let rows: Vec<_> = (1..4).map(|n| job(n, [7, 7])).collect();
    assert!(keys.finish(&rows[0]).is_empty(), "the retry has ended");
    let asked = keys.next_to_read().unwrap();
    let first = keys.take_run(asked, rows[1..].to_vec()).unwrap();
    assert!(keys.drain(|job| job.delivery.id == first.delivery.id).is_empty());
    assert_eq!(keys.next_to_read(), None, "nobody else may have the key meanwhile");
    assert!(keys.finish(&first).is_empty());
    assert!(keys.next_to_read().is_some());
}
