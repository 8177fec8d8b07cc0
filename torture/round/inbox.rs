//! The receivers: one listener, a path for each endpoint, moods that change, and a record of
//! everything that arrived.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::dice::Dice;
use super::facts::Facts;

/// How a receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// 200, at once.
    Well,
    /// 200, after up to so many milliseconds.
    Slow(u64),
    /// So many of a hundred requests fail, each in its own way.
    Erratic(u64),
    /// 429 to half of them, with or without `Retry-After`.
    Throttling,
    /// Takes requests and says nothing until the mood is over.
    Hanging,
    /// Ends connections instead of answering.
    Closing,
}

/// What a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A status, after a while.
    Status(u16, Duration),
    /// 429 with a `Retry-After` of a second.
    Later,
    /// The end of its connection, before any byte.
    Closed,
    /// Nothing for as long as the mood lasts, then 200.
    Held,
}

/// One request that came whole.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Microseconds since 1970.
    pub at: i64,
    /// `X-Webhook-Delivery`.
    pub delivery: u128,
    /// `X-Webhook-Attempt`.
    pub attempt: u32,
    /// Which event, as an index of the events.
    pub event: usize,
    /// Hash of the body.
    pub body: u64,
    /// What it got.
    pub answer: Answer,
}

/// An event as its bodies tell it.
#[derive(Clone, Debug)]
pub struct Event {
    /// `X-Webhook-Event-Id`.
    pub id: String,
    /// What the body of the first arrival says.
    pub facts: Facts,
}

/// The listener; ends when dropped.
pub struct Inbox {
    port: u16,
    shared: Arc<Shared>,
    _listener: JoinSet<()>,
}

struct Shared {
    places: Vec<Place>,
    events: Mutex<Events>,
}

struct Place {
    name: &'static str,
    mood: watch::Sender<Mood>,
    dice: Mutex<Dice>,
    arrivals: Mutex<Vec<Arrival>>,
}

#[derive(Default)]
struct Events {
    all: Vec<Event>,
    by_id: HashMap<String, usize>,
    /// Requests that make no sense.
    oddities: Vec<String>,
}

impl Inbox {
    /// Listens on a free port, with a path for each of `names`.
    pub async fn open(names: &[&'static str], dice: &Dice) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let place = |name: &&'static str| Place {
            name,
            mood: watch::Sender::new(Mood::Well),
            dice: Mutex::new(dice.for_whom(name)),
            arrivals: Mutex::default(),
        };
        let places = names.iter().map(place).collect();
        let shared = Arc::new(Shared { places, events: Mutex::default() });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { port, shared, _listener: tasks })
    }

    /// URL of a path.
    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// Changes how a receiver answers.
    pub fn set_mood(&self, name: &str, mood: Mood) {
        let place = self.shared.places.iter().find(|place| place.name == name);
        place.expect("it is one of ours").mood.send_replace(mood);
    }

    /// What has arrived at a path, in order.
    pub fn arrivals(&self, name: &str) -> Vec<Arrival> {
        let place = self.shared.places.iter().find(|place| place.name == name);
        lock(&place.expect("it is one of ours").arrivals).clone()
    }

    /// How many requests have arrived.
    pub fn count(&self) -> usize {
        self.shared.places.iter().map(|place| lock(&place.arrivals).len()).sum()
    }

    /// All events that have arrived anywhere, and what made no sense.
    pub fn take_events(&self) -> (Vec<Event>, Vec<String>) {
        let mut events = lock(&self.shared.events);
        (std::mem::take(&mut events.all), std::mem::take(&mut events.oddities))
    }
}

impl Shared {
    /// Keeps a request and decides what it gets.
    fn take(&self, request: &Request) -> Option<(&Place, Answer)> {
        let Some(place) = self.places.iter().find(|place| place.name == request.path) else {
            self.complain(format!("a request to {}", request.path));
            return None;
        };
        let mood = *place.mood.borrow();
        let answer = mood.answer(&mut lock(&place.dice));
        match self.arrival(request, answer) {
            Ok(arrival) => lock(&place.arrivals).push(arrival),
            Err(oddity) => self.complain(format!("at {}: {oddity}", place.name)),
        }
        Some((place, answer))
    }

    fn complain(&self, oddity: String) {
        lock(&self.events).oddities.push(oddity);
    }

    fn arrival(&self, request: &Request, answer: Answer) -> Result<Arrival, String> {
        let header = |name: &str| request.header(name).ok_or(format!("no {name}"));
        let delivery = header("x-webhook-delivery")?;
        let delivery = uuid::Uuid::parse_str(delivery).map_err(|e| e.to_string())?.as_u128();
        let attempt = header("x-webhook-attempt")?.parse().map_err(|_| "a strange attempt")?;
        let id = header("x-webhook-event-id")?;
        let mut hasher = DefaultHasher::new();
        hasher.write(&request.body);
        let mut events = lock(&self.events);
        let event = match events.by_id.get(id) {
            Some(event) => *event,
            None => {
                let facts = Facts::read(&request.body, id)?;
                events.all.push(Event { id: id.to_owned(), facts });
                let event = events.all.len() - 1;
                events.by_id.insert(id.to_owned(), event);
                event
            }
        };
        Ok(Arrival { at: now(), delivery, attempt, event, body: hasher.finish(), answer })
    }
}

impl Mood {
    fn answer(self, dice: &mut Dice) -> Answer {
        let well = Answer::Status(200, Duration::ZERO);
        match self {
            Self::Well => well,
            Self::Slow(most) => Answer::Status(200, dice.milliseconds(0, most)),
            Self::Erratic(percent) if dice.chance(percent) => match dice.below(8) {
                0 => Answer::Closed,
                1 => Answer::Status(500, dice.milliseconds(1, 50)),
                2 => Answer::Later,
                // Anything but 410, which would disable the endpoint.
                _ => Answer::Status(dice.pick(&[301, 400, 404, 500, 502, 503]), Duration::ZERO),
            },
            Self::Throttling if dice.chance(20) => Answer::Later,
            Self::Throttling if dice.chance(30) => Answer::Status(429, Duration::ZERO),
            Self::Erratic(_) | Self::Throttling => well,
            Self::Hanging => Answer::Held,
            Self::Closing => Answer::Closed,
        }
    }
}

/// Microseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until either side has had enough.
async fn serve(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let Some(request) = Request::read(&mut stream, &mut buffer).await? else { return Ok(()) };
        let Some((place, answer)) = shared.take(&request) else { return Ok(()) };
        let (status, rest) = match answer {
            Answer::Status(status, wait) => {
                tokio::time::sleep(wait).await;
                (status, "")
            }
            Answer::Later => (429, "retry-after: 1\r\n"),
            Answer::Closed => return Ok(()),
            Answer::Held => {
                // An error means that the inbox is closed.
                let _ = place.mood.subscribe().wait_for(|mood| *mood != Mood::Hanging).await;
                (200, "")
            }
        };
        let answer = format!("HTTP/1.1 {status} X\r\n{rest}content-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// A request as far as the torture cares.
struct Request {
    path: String,
    head: String,
    body: Vec<u8>,
}

impl Request {
    /// Reads the next one; what was read beyond it stays in `buffer`.
    async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Self>> {
        let mut searched = 0;
        let head = loop {
            if let Some(at) = buffer[searched..].windows(4).position(|end| end == b"\r\n\r\n") {
                break searched + at + 4;
            }
            searched = buffer.len().saturating_sub(3);
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        };
        let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
        let path = text.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
        let mut request = Self { path, head: text, body: Vec::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok());
        let end = head + length.unwrap_or(0);
        while buffer.len() < end {
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        }
        request.body = buffer[head..end].to_vec();
        buffer.drain(..end);
        Ok(Some(request))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}
