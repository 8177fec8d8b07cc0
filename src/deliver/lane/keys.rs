//! Order: events of one key never overtake each other. Pure.
//!
//! A key has at most one delivery under way; later ones wait behind it, in memory. When one must
//! be retried its key is *stuck*: what waited behind it goes to the queue as `blocked`, and so
//! does what arrives, until the retry has ended and the blocked rows have been sent one by one. A
//! delivery with two keys (an update that changed the primary key) takes both.
//!
//! Where the order is the endpoint's there is one key, and nothing is blocked row by row: while it
//! is stuck the lane sends nothing but the retry.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::num::NonZeroU64;
use std::sync::{Arc, Weak};

use crate::endpoint::Ordering;
use crate::event::DeliveryId;
use crate::event::job::Job;
use crate::lsn::Position;

/// Who has which key.
#[derive(Debug)]
pub(super) struct Keys {
    ordering: Ordering,
    busy: Map<Busy>,
    stuck: Map<Stuck>,
    /// Stuck keys whose blocked rows are to be read.
    to_read: VecDeque<u64>,
    waiting_count: usize,
}

type Map<V> = HashMap<u64, V, BuildHasherDefault<AsItIs>>;

#[derive(Debug, Default)]
struct Busy {
    is_under_way: bool,
    waiting: VecDeque<Arc<Job>>,
}

/// Small: after an outage there may be a million of them, most with nothing behind the retry.
#[derive(Debug, Default)]
struct Stuck {
    /// The delivery that is to be retried, if that is what it is stuck behind.
    retry: Option<Retry>,
    behind: Option<Box<Behind>>,
}

/// What is known of the queue behind a stuck key.
#[derive(Debug, Default)]
struct Behind {
    /// Deliveries that were parked there; each is gone once it is committed, and not always in
    /// order: a row that somebody has locked is left for later.
    parked: Vec<Weak<Job>>,
    /// The first of those that were not committed when the blocked rows were last asked for, or
    /// parked since: the answer may lack it.
    news: Option<Position>,
    /// Blocked rows that were read, in order; the first may be under way.
    run: VecDeque<Arc<Job>>,
}

/// Half of a delivery's id, which is enough to tell the retry of a key from what else has the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Retry(NonZeroU64);

impl Retry {
    /// Stands for a retry that was in the queue when the lane began.
    const SOME: Self = Self(NonZeroU64::MAX);

    fn of(delivery: DeliveryId) -> Self {
        let (_, low) = delivery.0.as_u64_pair();
        NonZeroU64::new(low).map_or(Self::SOME, Self)
    }

    fn is_of(self, delivery: DeliveryId) -> bool {
        self == Self::SOME || self == Self::of(delivery)
    }
}

impl Stuck {
    fn behind(&mut self) -> &mut Behind {
        self.behind.get_or_insert_default()
    }

    /// The first of the blocked rows that were read.
    fn first(&self) -> Option<&Arc<Job>> {
        self.behind.as_ref()?.run.front()
    }

    fn news(&self) -> Option<Position> {
        self.behind.as_ref()?.news
    }
}

/// Where a delivery may go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It has its keys.
    Start,
    /// It waits in memory.
    Wait,
    /// Its key is stuck: to the queue.
    Block,
    /// The endpoint's one key is stuck: it stays where it was, and so does everything after it.
    Hold,
}

/// What waited in memory, in order.
#[derive(Debug)]
pub(super) struct Drained {
    /// To be sent later.
    pub(super) waiting: Vec<Arc<Job>>,
    /// A key of it is stuck: for the queue, as blocked.
    pub(super) blocked: Vec<Arc<Job>>,
}

impl Keys {
    pub(super) fn new(ordering: Ordering, stuck: impl IntoIterator<Item = u64>) -> Self {
        let mut keys = Self {
            ordering,
            busy: Map::default(),
            stuck: Map::default(),
            to_read: VecDeque::new(),
            waiting_count: 0,
        };
        for key in stuck {
            let key = if ordering == Ordering::Endpoint { 0 } else { key };
            keys.stuck.insert(key, Stuck { retry: Some(Retry::SOME), behind: None });
        }
        keys
    }

    /// The one or two keys of a delivery; none where there is no order, or for what was asked for
    /// by hand, which may overtake.
    fn of(&self, job: &Job) -> impl Iterator<Item = u64> + use<> {
        let keys = (!job.is_apart).then(|| self.among(job.delivery.event.keys));
        keys.into_iter().flatten()
    }

    fn among(&self, [key, former]: [u64; 2]) -> impl Iterator<Item = u64> + use<> {
        let keys = match self.ordering {
            Ordering::None => [None, None],
            Ordering::Endpoint => [Some(0), None],
            Ordering::Key => [Some(key), Some(former).filter(|former| *former != key)],
        };
        keys.into_iter().flatten()
    }

    /// Asks for a delivery's keys; deliveries must ask in order.
    pub(super) fn admit(&mut self, job: &Arc<Job>) -> Admission {
        if !self.stuck.is_empty() && self.of(job).any(|key| self.stuck.contains_key(&key)) {
            if self.ordering == Ordering::Endpoint {
                return Admission::Hold;
            }
            self.park_behind(job);
            return Admission::Block;
        }
        if self.of(job).any(|key| self.busy.contains_key(&key)) {
            for key in self.of(job) {
                self.busy.entry(key).or_default().waiting.push_back(Arc::clone(job));
            }
            self.waiting_count += 1;
            return Admission::Wait;
        }
        for key in self.of(job) {
            self.busy.entry(key).or_default().is_under_way = true;
        }
        Admission::Start
    }

    /// Deliveries that wait in memory behind others.
    pub(super) fn waiting_count(&self) -> usize {
        self.waiting_count
    }

    /// Later deliveries of its other key must not overtake a parked one either.
    fn park_behind(&mut self, job: &Arc<Job>) {
        for key in self.of(job) {
            let behind = self.stuck.entry(key).or_default().behind();
            if behind.parked.len() == behind.parked.capacity() {
                // Before it grows: most of them are committed.
                behind.parked.retain(|parked| parked.strong_count() > 0);
            }
            behind.parked.push(Arc::downgrade(job));
            let position = job.delivery.event.position;
            behind.news = Some(behind.news.map_or(position, |news| news.min(position)));
        }
    }

    /// A delivery is done with. Returns those behind it that have their keys now.
    pub(super) fn finish(&mut self, job: &Job) -> Vec<Arc<Job>> {
        let mut next = Vec::new();
        for key in self.of(job) {
            if let Some(stuck) = self.stuck.get_mut(&key) {
                stuck.retry = stuck.retry.filter(|retry| !retry.is_of(job.delivery.id));
                if stuck.first().is_some_and(|first| first.delivery.id == job.delivery.id) {
                    stuck.behind().run.pop_front();
                }
                match stuck.first() {
                    Some(job) => next.push(Arc::clone(job)),
                    None if self.ordering == Ordering::Endpoint => {
                        self.stuck.remove(&key);
                    }
                    None => self.to_read.push_back(key),
                }
            }
            self.leave(key, &mut next);
        }
        next
    }

    /// A retry, or one that was blocked, is in the queue no more, and was not in memory. What was
    /// blocked behind it goes.
    pub(super) fn is_gone(&mut self, delivery: DeliveryId, keys: [u64; 2], is_retry: bool) {
        for key in self.among(keys) {
            let Some(stuck) = self.stuck.get_mut(&key) else { continue };
            stuck.retry = stuck.retry.filter(|retry| !(is_retry && retry.is_of(delivery)));
            match stuck.retry {
                Some(_) => {}
                None if self.ordering == Ordering::Endpoint => drop(self.stuck.remove(&key)),
                None => self.to_read.push_back(key),
            }
        }
    }

    fn leave(&mut self, key: u64, next: &mut Vec<Arc<Job>>) {
        let Some(busy) = self.busy.get_mut(&key) else { return };
        busy.is_under_way = false;
        let Some(first) = busy.waiting.front().cloned() else {
            self.busy.remove(&key);
            return;
        };
        let has_its_keys = self.of(&first).all(|key| {
            self.busy.get(&key).is_some_and(|busy| {
                let is_first = |other: &Arc<Job>| Arc::ptr_eq(other, &first);
                !busy.is_under_way && busy.waiting.front().is_some_and(is_first)
            })
        });
        if !has_its_keys {
            return;
        }
        for key in self.of(&first) {
            if let Some(busy) = self.busy.get_mut(&key) {
                busy.waiting.pop_front();
                busy.is_under_way = true;
            }
        }
        self.waiting_count -= 1;
        next.push(first);
    }

    /// A delivery must be retried. Returns what waited behind it, in order: for the queue, or,
    /// where the order is the endpoint's, back to where it came from.
    pub(super) fn stick(&mut self, job: &Job) -> Vec<Arc<Job>> {
        let mut displaced: Vec<Arc<Job>> = Vec::new();
        let mut keys: Vec<u64> = self.of(job).collect();
        for key in &keys {
            if let Some(busy) = self.busy.get_mut(key) {
                busy.is_under_way = false;
            }
            self.stuck.entry(*key).or_default().retry = Some(Retry::of(job.delivery.id));
        }
        while let Some(key) = keys.pop() {
            // What was read of the blocked rows is still in the queue.
            if let Some(behind) = self.stuck.entry(key).or_default().behind.as_mut() {
                behind.run.clear();
            }
            let Some(busy) = self.busy.get_mut(&key) else { continue };
            let waiting = std::mem::take(&mut busy.waiting);
            // Another delivery may be under way on the other key of one that waited.
            if !busy.is_under_way {
                self.busy.remove(&key);
            }
            for waiting in waiting {
                keys.extend(self.of(&waiting).filter(|other| *other != key));
                self.displace(waiting, &mut displaced);
            }
        }
        displaced.sort_by_key(|job| job.delivery.event.position);
        if self.ordering == Ordering::Key {
            for job in &displaced {
                self.park_behind(job);
            }
        }
        displaced
    }

    /// Gives up everything that waits in memory, for the queue. Stuck keys stay stuck; blocked
    /// rows that were read are read again, but for those that have their key and keep it.
    pub(super) fn drain(&mut self, has_key: impl Fn(&Job) -> bool) -> Drained {
        let mut waiting: Vec<Arc<Job>> = Vec::new();
        let mut busy = std::mem::take(&mut self.busy);
        for job in busy.values_mut().flat_map(|busy| busy.waiting.drain(..)) {
            self.displace(job, &mut waiting);
        }
        busy.retain(|_, busy| busy.is_under_way);
        self.busy = busy;
        let blocked = self.block_stuck(&mut waiting);
        waiting.sort_by_key(|job| job.delivery.event.position);
        for (key, stuck) in &mut self.stuck {
            let Some(run) = stuck.behind.as_mut().map(|behind| &mut behind.run) else { continue };
            match run.front() {
                Some(first) if has_key(first) => run.truncate(1),
                Some(_) => {
                    run.clear();
                    self.to_read.push_back(*key);
                }
                None => {}
            }
        }
        Drained { waiting, blocked }
    }

    /// Takes out of `waiting` what has a stuck key: other rows of that key are blocked already and
    /// would be read first.
    fn block_stuck(&mut self, waiting: &mut Vec<Arc<Job>>) -> Vec<Arc<Job>> {
        let mut blocked = Vec::new();
        loop {
            let is_stuck = |job: &Arc<Job>| self.of(job).any(|key| self.stuck.contains_key(&key));
            let (behind, free): (Vec<_>, Vec<_>) =
                std::mem::take(waiting).into_iter().partition(is_stuck);
            *waiting = free;
            if behind.is_empty() {
                break;
            }
            // Their other keys are stuck now.
            behind.iter().for_each(|job| self.park_behind(job));
            blocked.extend(behind);
        }
        blocked.sort_by_key(|job| job.delivery.event.position);
        blocked
    }

    /// A delivery with two keys waits behind both and is displaced once.
    fn displace(&mut self, job: Arc<Job>, displaced: &mut Vec<Arc<Job>>) {
        let is_double = self.of(&job).count() > 1;
        if !is_double || !displaced.iter().any(|known| Arc::ptr_eq(known, &job)) {
            self.waiting_count -= 1;
            displaced.push(job);
        }
    }

    /// A stuck key whose blocked rows are to be read now, and whether everything parked behind
    /// it is committed, so that finding none means that there are none.
    pub(super) fn next_to_read(&mut self) -> Option<(u64, bool)> {
        while let Some(key) = self.to_read.pop_front() {
            match self.stuck.get_mut(&key) {
                // It has got stuck anew; when the retry has ended it is read.
                Some(stuck) if stuck.retry.is_some() => {}
                Some(Stuck { behind: Some(behind), .. }) => {
                    behind.parked.retain(|parked| parked.strong_count() > 0);
                    let parked = behind.parked.iter().filter_map(Weak::upgrade);
                    behind.news = parked.map(|job| job.delivery.event.position).min();
                    return Some((key, behind.parked.is_empty()));
                }
                // What may be there was there before this lane.
                Some(_) => return Some((key, true)),
                None => {}
            }
        }
        None
    }

    /// Blocked rows of `key` were read. Returns the first, which has its keys.
    pub(super) fn take_run(
        &mut self,
        (key, is_complete): (u64, bool),
        mut rows: Vec<Arc<Job>>,
    ) -> Option<Arc<Job>> {
        let known = rows.iter().take_while(|job| !self.has_news_before(job)).count();
        // What was parked while the queue was asked is not in its answer.
        let is_cut = known < rows.len() || self.stuck.get(&key).is_some_and(|s| s.news().is_some());
        rows.truncate(known);
        let Some(first) = rows.first().cloned() else {
            let is_free = !self.busy.contains_key(&key)
                && self
                    .stuck
                    .get(&key)
                    .is_some_and(|stuck| stuck.retry.is_none() && stuck.first().is_none());
            match (is_complete && !is_cut, is_free) {
                (true, true) => drop(self.stuck.remove(&key)),
                (false, _) => self.to_read.push_back(key),
                // Whoever has it reads when it is done.
                (true, false) => {}
            }
            return None;
        };
        // Both keys of one delivery may have been read for, and either may still be held by one
        // that was under way when it got stuck. Whoever has a key reads when it is done.
        let keys: Vec<u64> = self.of(&first).collect();
        let is_held = |key: &u64| {
            self.busy.contains_key(key)
                || self
                    .stuck
                    .get(key)
                    .is_some_and(|stuck| stuck.retry.is_some() || stuck.first().is_some())
        };
        if keys.iter().any(is_held) {
            return None;
        }
        for other in keys.into_iter().filter(|other| *other != key) {
            self.stuck.entry(other).or_default().behind().run.push_back(Arc::clone(&first));
        }
        self.stuck.entry(key).or_default().behind().run = rows.into();
        Some(first)
    }

    /// Whether something that goes before `job` was parked since its keys were last asked for.
    fn has_news_before(&self, job: &Job) -> bool {
        let news = |key| self.stuck.get(&key).and_then(Stuck::news);
        self.of(job).filter_map(news).any(|news| news < job.delivery.event.position)
    }

    /// Blocked rows of `key` could not be read, or something else holds the first of them.
    pub(super) fn read_again(&mut self, key: u64) {
        self.to_read.push_back(key);
    }
}

/// Keys are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only `u64` is ever hashed; this keeps the trait's promise for anything else.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests;
