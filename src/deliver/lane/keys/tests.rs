//! Order under random arrivals, outcomes and reads.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

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
    Ready,
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
    /// What is being read: the key, and the queue's answer as of when it was asked.
    reading: Option<((u64, bool), Answer)>,
    /// Arrivals go to the queue, and ready rows are read from it.
    is_spilled: bool,
    /// Ready rows that were read and are in memory.
    paged: BTreeSet<u64>,
    /// Blocked rows that were read, as long as they are in memory.
    read: BTreeMap<u64, Weak<Job>>,
    /// The endpoint is out of service: nothing begins.
    is_paused: bool,
    /// Those that have their keys meanwhile.
    admitted: Vec<Arc<Job>>,
}

/// Blocked rows of a key, or none because its first is held by another key.
type Answer = Option<Vec<(u64, [u64; 2])>>;

impl Model {
    fn new() -> Self {
        Self {
            keys: Keys::new(Ordering::Key, []),
            under_way: BTreeMap::new(),
            rows: BTreeMap::new(),
            unfinished: BTreeMap::new(),
            reading: None,
            is_spilled: false,
            paged: BTreeSet::new(),
            read: BTreeMap::new(),
            is_paused: false,
            admitted: Vec::new(),
        }
    }

    fn arrive(&mut self, job: Arc<Job>) {
        self.unfinished.insert(number(&job), job.delivery.event.keys);
        if self.is_spilled {
            self.rows.insert(number(&job), (job.delivery.event.keys, State::Ready));
        } else {
            self.admit(job);
        }
    }

    fn admit(&mut self, job: Arc<Job>) {
        match self.keys.admit(&job) {
            Admission::Start => self.begin(job),
            Admission::Wait => {}
            Admission::Block => self.block(&job),
            Admission::Hold => panic!("only where the order is the endpoint's"),
        }
    }

    fn block(&mut self, job: &Job) {
        self.paged.remove(&number(job));
        self.rows.insert(number(job), (job.delivery.event.keys, State::Blocked));
    }

    /// What waits in memory goes to the queue, and so does what arrives.
    fn spill(&mut self) {
        let (under_way, admitted) = (&self.under_way, &self.admitted);
        let drained = self.keys.drain(|job| {
            let is_it = |other: &Arc<Job>| number(other) == number(job);
            under_way.contains_key(&number(job)) || admitted.iter().any(is_it)
        });
        for job in drained.blocked {
            self.block(&job);
        }
        for job in drained.waiting {
            self.paged.remove(&number(&job));
            self.rows.insert(number(&job), (job.delivery.event.keys, State::Ready));
        }
        self.is_spilled = true;
    }

    fn pause(&mut self) {
        self.spill();
        self.is_paused = true;
    }

    fn resume(&mut self) {
        self.is_paused = false;
        for job in std::mem::take(&mut self.admitted) {
            self.start(job);
        }
    }

    /// What waited too long in the queue while the endpoint was out of service goes, up to `last`.
    fn expire(&mut self, last: u64) {
        if !self.is_paused || self.reading.is_some() {
            return;
        }
        for this in self.rows.range(..=last).map(|(this, _)| *this).collect::<Vec<_>>() {
            let is_read = self.read.get(&this).is_some_and(|job| job.strong_count() > 0);
            let is_admitted = self.admitted.iter().any(|job| number(job) == this);
            if is_read || is_admitted || self.under_way.contains_key(&this) {
                continue;
            }
            let (keys, state) = self.rows.remove(&this).unwrap();
            self.unfinished.remove(&this);
            if state == State::Retry || keys[0] != keys[1] {
                let delivery = job(this, keys).delivery.id;
                self.keys.is_gone(delivery, keys, state == State::Retry);
            }
        }
    }

    /// Reads the first ready row; none are left: memory is the way again. Whether it was spilled.
    fn page(&mut self) -> bool {
        let is_new = |row: &(&u64, &([u64; 2], State))| {
            row.1.1 == State::Ready && !self.paged.contains(row.0)
        };
        let row = self.rows.iter().find(is_new).map(|(this, (keys, _))| (*this, *keys));
        let was_spilled = std::mem::replace(&mut self.is_spilled, row.is_some());
        if let Some((this, keys)) = row {
            self.paged.insert(this);
            self.admit(job(this, keys));
        }
        was_spilled
    }

    /// The process dies. What it had in memory alone comes from the WAL once more, before
    /// anything is read from the queue, where only retries are still known for what they were.
    fn restart(&mut self) {
        self.under_way.clear();
        self.admitted.clear();
        self.paged.clear();
        self.reading = None;
        self.is_paused = false;
        let is_retry =
            |(keys, state): &([u64; 2], State)| (*state == State::Retry).then_some(*keys);
        let stuck: Vec<u64> = self.rows.values().filter_map(is_retry).flatten().collect();
        self.keys = Keys::new(Ordering::Key, stuck);
        for (_, state) in self.rows.values_mut().filter(|(_, state)| *state == State::Blocked) {
            *state = State::Ready;
        }
        self.is_spilled = self.rows.values().any(|(_, state)| *state == State::Ready);
        let in_memory = |(this, keys): (&u64, &[u64; 2])| {
            (!self.rows.contains_key(this)).then(|| job(*this, *keys))
        };
        let again: Vec<_> = self.unfinished.iter().filter_map(in_memory).collect();
        again.into_iter().for_each(|job| self.arrive(job));
    }

    fn begin(&mut self, job: Arc<Job>) {
        if self.is_paused {
            self.admitted.push(job);
        } else {
            self.start(job);
        }
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
        self.paged.remove(&this);
        if is_done {
            self.rows.remove(&this);
            self.unfinished.remove(&this);
            for next in self.keys.finish(&job) {
                self.begin(next);
            }
        } else {
            for displaced in self.keys.stick(&job) {
                self.block(&displaced);
            }
            self.rows.insert(this, (job.delivery.event.keys, State::Retry));
        }
    }

    fn retry(&mut self, this: u64) {
        if self.is_paused {
            return;
        }
        let keys = self.rows[&this].0;
        if !self.under_way.contains_key(&this) {
            self.start(job(this, keys));
        }
    }

    /// Asks the queue for the next key that wants it; whether there was one.
    fn begin_to_read(&mut self) -> bool {
        if self.reading.is_some() || self.is_paused {
            return self.reading.is_some();
        }
        let Some(asked) = self.keys.next_to_read() else { return false };
        self.reading = Some((asked, self.blocked_run(asked.0)));
        true
    }

    fn blocked_run(&self, key: u64) -> Answer {
        let is_alive = |this: &u64| self.read.get(this).is_some_and(|job| job.strong_count() > 0);
        let free = |this: &u64| !self.under_way.contains_key(this) && !is_alive(this);
        let blocked = |(this, (keys, state)): &(&u64, &([u64; 2], State))| {
            *state == State::Blocked && keys.contains(&key) && free(this)
        };
        let candidates: Vec<(u64, [u64; 2])> =
            self.rows.iter().filter(blocked).map(|(n, (keys, _))| (*n, *keys)).collect();
        match candidates.first() {
            Some((this, keys)) if keys[0] != keys[1] => {
                let other = if keys[0] == key { keys[1] } else { keys[0] };
                let holds = |row: (&u64, &([u64; 2], State))| {
                    row.1.0.contains(&other) && row.1.1 != State::Ready
                };
                let is_held = self.rows.range(..this).any(holds);
                (!is_held).then(|| vec![(*this, *keys)])
            }
            _ => Some(candidates.into_iter().take_while(|(_, k)| k[0] == k[1]).collect()),
        }
    }

    /// The queue's answer comes.
    fn end_reading(&mut self) {
        match self.reading.take() {
            Some((asked, Some(run))) => {
                let run: Vec<_> = run.into_iter().map(|(this, keys)| job(this, keys)).collect();
                self.read.extend(run.iter().map(|job| (number(job), Arc::downgrade(job))));
                if let Some(first) = self.keys.take_run(asked, run) {
                    self.begin(first);
                }
            }
            Some(((key, _), None)) => self.keys.read_again(key),
            None => {}
        }
    }

    /// Lets everything come to its end.
    fn finish(&mut self) {
        self.resume();
        for _ in 0..10_000 {
            let is_retry = |row: &(&u64, &([u64; 2], State))| row.1.1 == State::Retry;
            if let Some(first) = self.under_way.keys().next().copied() {
                self.end(first, true);
            } else if let Some(retry) = self.rows.iter().find(is_retry).map(|(this, _)| *this) {
                self.retry(retry);
            } else if self.begin_to_read() {
                self.end_reading();
            } else if !self.page() {
                return;
            }
        }
    }
}

proptest! {
    #[test]
    fn no_delivery_overtakes_another_of_its_key_and_none_is_forgotten(
        steps in prop::collection::vec((0u8..42, 0usize..8, 0u64..4, 0u64..12), 0..200),
    ) {
        let mut model = Model::new();
        for (next, (action, pick, key, former)) in steps.into_iter().enumerate() {
            let former = if former < 4 { former } else { key };
            let nth = |model: &Model| model.under_way.keys().nth(pick).copied();
            // What is rare elsewhere is rare here.
            let action = if action < 36 { action % 9 } else { action };
            match action {
                36 => model.restart(),
                37 | 38 => model.pause(),
                39 | 40 => model.resume(),
                41 => model.expire(former * 16),
                0 => model.arrive(job(next as u64 + 1, [key, former])),
                1 | 2 => {
                    if let Some(this) = nth(&model) {
                        model.end(this, action == 1);
                    }
                }
                3 => drop(model.begin_to_read()),
                4 => model.end_reading(),
                5 => model.spill(),
                6 | 7 => drop(model.is_spilled && !model.is_paused && model.page()),
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
        model.finish();
        prop_assert!(model.unfinished.is_empty(), "left: {:?}", model.unfinished);
        prop_assert_eq!(model.keys.waiting_count(), 0);
        prop_assert!(model.keys.busy.is_empty() && model.keys.stuck.is_empty());
    }
}

#[test]
fn what_is_blocked_while_its_key_is_read_is_not_overtaken() {
    let mut keys = Keys::new(Ordering::Key, [7]);
    let jobs: Vec<_> = (1..4).map(|n| job(n, [7, 7])).collect();
    assert!(keys.finish(&jobs[0]).is_empty(), "the retry has ended");
    let asked = keys.next_to_read().unwrap();
    assert_eq!(keys.admit(&jobs[1]), Admission::Block);
    assert!(keys.take_run(asked, Vec::new()).is_none(), "it was not there yet");
    assert_eq!(keys.admit(&jobs[2]), Admission::Block, "the key is still taken");
    assert!(keys.next_to_read().is_some(), "and is read again");
}

#[test]
fn a_row_that_is_not_written_yet_is_not_overtaken_by_one_that_is() {
    let mut keys = Keys::new(Ordering::Key, [7]);
    let (retry, earlier, later) = (job(1, [7, 7]), job(2, [7, 7]), job(3, [7, 7]));
    assert_eq!(keys.admit(&earlier), Admission::Block);
    assert_eq!(keys.admit(&later), Admission::Block);
    // The ledger lets go of what it has committed.
    drop(later);
    assert!(keys.finish(&retry).is_empty());
    let asked = keys.next_to_read().unwrap();
    assert!(keys.take_run(asked, vec![job(3, [7, 7])]).is_none(), "something goes before it");
    drop(earlier);
    let asked = keys.next_to_read().unwrap();
    let first = keys.take_run(asked, vec![job(2, [7, 7]), job(3, [7, 7])]).unwrap();
    assert_eq!(first.delivery.id, job(2, [7, 7]).delivery.id);
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
    assert!(keys.drain(|job| job.delivery.id == first.delivery.id).waiting.is_empty());
    assert_eq!(keys.next_to_read(), None, "nobody else may have the key meanwhile");
    assert!(keys.finish(&first).is_empty());
    assert!(keys.next_to_read().is_some());
}
