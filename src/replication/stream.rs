//! The stream itself: frames in, feedback out, and neither starves the other.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::{Buf, BufMut, Bytes};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tokio::time::{Instant, sleep_until, timeout};

use super::ReplicationError;
use super::error::Report;
use super::vigil::Vigil;
use super::wire::{HEAD, Head, Wire};
use crate::lsn::Lsn;

/// Feedback goes out at least this often.
const FEEDBACK_INTERVAL: Duration = Duration::from_secs(10);

/// An idle stream reads ahead this much, which is how it learns that the connection is gone.
const READ_AHEAD: usize = 256 * 1024;

/// A walsender notices CopyDone between two messages, but inside a large transaction it may
/// first send the rest of it.
const STOP_LIMIT: Duration = Duration::from_secs(5);

const COPY_DATA: u8 = b'd';

/// Microseconds from 1970 to 2000, PostgreSQL's epoch.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// What the walsender sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// One message of the output plugin.
    Data {
        /// Position of what it tells of.
        wal_start: Lsn,
        /// End of the WAL on the server at that time.
        wal_end: Lsn,
        /// The plugin's message.
        payload: Bytes,
    },
    /// A sign of life: everything before `wal_end` has been sent.
    Keepalive {
        /// Position.
        wal_end: Lsn,
        /// The server wants feedback now; the stream sees to it.
        reply_requested: bool,
    },
}

/// A stream of frames that acknowledges by itself what the caller has confirmed.
///
/// All its futures may be dropped at any point without loss.
pub struct Stream {
    wire: Wire,
    host: String,
    /// Zero, which the server takes as "no news", until the caller confirms: several minor
    /// versions let a slot be moved back by a report that is older than it.
    confirmed: Lsn,
    interval: Duration,
    feedback_at: Instant,
    feedback_due: bool,
    pings: Pings,
    vigil: Vigil,
}

/// Requests for feedback that follow each other at once.
#[derive(Debug)]
struct Pings {
    wal_end: Lsn,
    last: Instant,
    count: u32,
}

/// In normal times the server asks once in half of wal_sender_timeout.
const PINGS_IN_SHUTDOWN: u32 = 5;

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Stream");
        debug.field("host", &self.host).field("confirmed", &self.confirmed).finish_non_exhaustive()
    }
}

impl Stream {
    /// `patience`: how long the server waits for a sign of life, and we for one of its.
    pub(super) fn new(wire: Wire, host: String, patience: Option<Duration>) -> Self {
        let now = Instant::now();
        let interval = feedback_interval(patience);
        Self {
            wire,
            host,
            confirmed: Lsn(0),
            interval,
            feedback_at: now + interval,
            feedback_due: false,
            pings: Pings { wal_end: Lsn(0), last: now, count: 0 },
            vigil: Vigil::new(patience, now),
        }
    }

    /// The next frame, waiting for it. Feedback goes out meanwhile, every 10 s (or more often
    /// if wal_sender_timeout is short) and when the server asks. Cancel-safe.
    ///
    /// # Errors
    /// [`ReplicationError::Disconnected`] when the connection or the server goes away, `Timeout`
    /// when the server says nothing for as long as it would wait for us, `PublicationMissing` when the publication does not exist, others as the server reports
    /// them. The stream is of no use after any of them.
    pub async fn next(&mut self) -> Result<Frame, ReplicationError> {
        loop {
            if let Some(frame) = self.next_buffered()? {
                return Ok(frame);
            }
            self.listen().await?;
        }
    }

    /// Exchanges what there is to exchange, until more has come or it is time for feedback.
    async fn listen(&mut self) -> Result<(), ReplicationError> {
        self.prepare_feedback();
        let wake = self.vigil.overdue().map_or(self.feedback_at, |at| at.min(self.feedback_at));
        tokio::select! {
            // First what is there: it may have waited longer than we.
            biased;
            more = self.wire.exchange() => {
                more?;
                self.vigil.heard(Instant::now());
            }
            () = sleep_until(wake) => {
                if self.vigil.is_in_vain(Instant::now()) {
                    let host = self.host.clone();
                    return Err(ReplicationError::Timeout { host, doing: "streaming" });
                }
            }
        }
        Ok(())
    }

    /// The next frame if all of it has arrived already, so that a caller can batch what is
    /// here without waiting for more.
    ///
    /// # Errors
    /// As [`Stream::next`].
    pub fn next_buffered(&mut self) -> Result<Option<Frame>, ReplicationError> {
        while let Some(head) = self.wire.peek()? {
            if head.tag == COPY_DATA {
                return self.read_frame(head).map(Some);
            }
            self.read_other(head)?;
        }
        Ok(None)
    }

    /// From now on reports everything up to `lsn` as written, flushed and applied, with the
    /// next feedback. It never goes back.
    pub fn confirm(&mut self, lsn: Lsn) {
        self.confirmed = self.confirmed.max(lsn);
    }

    /// Sends feedback now. Cancel-safe.
    ///
    /// # Errors
    /// [`ReplicationError::Disconnected`].
    pub async fn feedback(&mut self) -> Result<(), ReplicationError> {
        self.feedback_due = true;
        while self.feedback_due {
            self.wire.flush().await?;
            self.prepare_feedback();
        }
        self.wire.flush().await
    }

    /// Keeps feedback going while the caller does not want frames, and returns only when the
    /// connection is gone. Reads a little ahead and then lets the server wait. Cancel-safe.
    pub async fn idle(&mut self) -> ReplicationError {
        loop {
            if self.wire.incoming.len() < READ_AHEAD {
                if let Err(error) = self.listen().await {
                    return error;
                }
                continue;
            }
            // Who is not read cannot be heard.
            self.vigil.heard(Instant::now());
            self.prepare_feedback();
            match self.wire.flush().await {
                Ok(()) => sleep_until(self.feedback_at).await,
                Err(error) => return error,
            }
        }
    }

    /// Ends the stream in order: a last feedback, then the end of the copy in both directions.
    /// When it returns, the slot is free and knows what was confirmed. Frames that were under
    /// way are dropped; the slot sends them again.
    ///
    /// # Errors
    /// [`ReplicationError::Timeout`] if the server does not come to an end within 5 s;
    /// `Disconnected` if it is gone.
    pub async fn stop(mut self) -> Result<(), ReplicationError> {
        let late =
            ReplicationError::Timeout { host: self.host.clone(), doing: "ending the stream" };
        timeout(STOP_LIMIT, self.end()).await.map_err(|_| late)?
    }

    /// We: CopyDone. The server: what it was about to send, CopyDone, CommandComplete for the
    /// copy and for the command, ReadyForQuery. We: Terminate.
    async fn end(&mut self) -> Result<(), ReplicationError> {
        self.put_feedback();
        frontend::copy_done(&mut self.wire.outgoing);
        loop {
            let head = self.wire.head().await?;
            if head.tag == COPY_DATA {
                self.wire.take(HEAD + head.body);
                continue;
            }
            match self.wire.parse(head)? {
                Message::ReadyForQuery(_) => break,
                Message::ErrorResponse(body) => return Err(Report::read(&body).in_stream()),
                _ => {}
            }
        }
        frontend::terminate(&mut self.wire.outgoing);
        self.wire.flush().await
    }

    /// CopyData holds either `w`, three positions and times of 8 bytes and the plugin's
    /// message, or `k`, the end of the WAL, a time and whether an answer is wanted.
    fn read_frame(&mut self, head: Head) -> Result<Frame, ReplicationError> {
        let mut message = self.wire.take(HEAD + head.body);
        message.advance(HEAD);
        match message.first() {
            Some(b'w') if message.len() >= 25 => {
                message.advance(1);
                let (wal_start, wal_end) = (Lsn(message.get_u64()), Lsn(message.get_u64()));
                message.advance(8);
                self.pings.count = 0;
                Ok(Frame::Data { wal_start, wal_end, payload: message.freeze() })
            }
            Some(b'k') if message.len() == 18 => {
                message.advance(1);
                let wal_end = Lsn(message.get_u64());
                message.advance(8);
                let reply_requested = message.get_u8() != 0;
                if reply_requested {
                    self.feedback_due = true;
                    self.count_ping(wal_end)?;
                }
                Ok(Frame::Keepalive { wal_end, reply_requested })
            }
            other => {
                let kind = other.copied().map_or('?', char::from);
                let what = format!("copy data {kind:?} of {} bytes", message.len());
                Err(ReplicationError::protocol(what))
            }
        }
    }

    /// A server that shuts down waits until all is confirmed, and asks again as fast as we
    /// answer. What is not confirmed by then cannot be: the sessions that could make it durable
    /// are closed already. So let it go.
    fn count_ping(&mut self, wal_end: Lsn) -> Result<(), ReplicationError> {
        let now = Instant::now();
        let again = self.confirmed < wal_end
            && self.pings.wal_end == wal_end
            && now - self.pings.last < Duration::from_secs(1);
        let count = if again { self.pings.count + 1 } else { 1 };
        self.pings = Pings { wal_end, last: now, count };
        if count < PINGS_IN_SHUTDOWN {
            return Ok(());
        }
        let reason = "the server is shutting down".to_owned();
        Err(ReplicationError::Disconnected { reason, source: None })
    }

    fn read_other(&mut self, head: Head) -> Result<(), ReplicationError> {
        match self.wire.parse(head)? {
            Message::ErrorResponse(body) => Err(Report::read(&body).in_stream()),
            Message::NoticeResponse(_) | Message::ParameterStatus(_) => Ok(()),
            // How a walsender says goodbye when the server shuts down.
            Message::CopyDone | Message::CommandComplete(_) => {
                let reason = "the server ended the stream".to_owned();
                Err(ReplicationError::Disconnected { reason, source: None })
            }
            _ => Err(ReplicationError::protocol("unexpected message in the stream")),
        }
    }

    /// Puts feedback into the outgoing buffer when it is time; at most one is ever waiting, so
    /// that a server which does not read cannot make the buffer grow.
    fn prepare_feedback(&mut self) {
        let now = Instant::now();
        if now >= self.feedback_at {
            self.feedback_due = true;
            self.feedback_at = now + self.interval;
        }
        if self.feedback_due && self.wire.outgoing.is_empty() {
            self.put_feedback();
            self.feedback_due = false;
            self.feedback_at = now + self.interval;
        }
    }

    /// `r`, written, flushed and applied positions, our time, whether an answer is wanted.
    fn put_feedback(&mut self) {
        let asks = self.vigil.asks(Instant::now(), self.interval);
        let out = &mut self.wire.outgoing;
        out.put_u8(COPY_DATA);
        out.put_u32(4 + 34);
        out.put_u8(b'r');
        for _ in 0..3 {
            out.put_u64(self.confirmed.0);
        }
        out.put_i64(microseconds_since_2000());
        out.put_u8(u8::from(asks));
    }
}

/// How often feedback is due where the server waits so long for it.
fn feedback_interval(patience: Option<Duration>) -> Duration {
    patience.map_or(FEEDBACK_INTERVAL, |patience| FEEDBACK_INTERVAL.min(patience / 3))
}

/// `wal_sender_timeout` as SHOW prints it; `None` where it is off.
pub(super) fn patience_of(wal_sender_timeout: &str) -> Option<Duration> {
    let text = wal_sender_timeout.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" | "" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => 86_400_000,
    };
    let number = number.parse::<u64>().unwrap_or(0);
    // Instants of tokio do not reach for ever.
    let longest = Duration::from_secs(86_400 * 365);
    let patience = Duration::from_millis(number.saturating_mul(milliseconds)).min(longest);
    (!patience.is_zero()).then_some(patience)
}

fn microseconds_since_2000() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX) - POSTGRES_EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feedback_is_quicker_where_the_server_is_impatient() {
        for (setting, milliseconds) in [
            ("1min", 10_000),
            ("60s", 10_000),
            ("6s", 2_000),
            ("300ms", 100),
            ("1h", 10_000),
            ("0", 10_000),
            ("", 10_000),
            ("nonsense", 10_000),
            ("99999999999999999999d", 10_000),
        ] {
            assert_eq!(
                feedback_interval(patience_of(setting)),
                Duration::from_millis(milliseconds),
                "{setting}"
            );
        }
    }
}
