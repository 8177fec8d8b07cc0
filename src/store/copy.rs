//! Rows of the log in COPY's binary format, which PostgreSQL reads without parsing or
//! unescaping. Layout: <https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4>.

use bytes::{BufMut, BytesMut};

use crate::config::LogPayload;
use crate::event::job::{Outcome, Then};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const COLUMN_COUNT: i16 = 18;

/// Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's timestamps begin.
pub(super) const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// Why a row is stored without body and response: PostgreSQL refused it with them.
pub(super) type Refusal<'a> = Option<&'a str>;

/// The head of the format.
pub(super) fn begin(buffer: &mut BytesMut) {
    buffer.put_slice(SIGNATURE);
    buffer.put_i32(0);
    buffer.put_i32(0);
}

/// Its end.
pub(super) fn end(buffer: &mut BytesMut) {
    buffer.put_i16(-1);
}

/// One row.
pub(super) fn row(
    outcome: &Outcome,
    keep: LogPayload,
    refusal: Refusal<'_>,
    buffer: &mut BytesMut,
) {
    let Outcome { job, attempt, then } = outcome;
    let event = &job.delivery.event;
    buffer.put_i16(COLUMN_COUNT);
    put_bytes(buffer, job.delivery.id.0.as_bytes());
    put_i32(buffer, number(outcome));
    put_bytes(buffer, job.delivery.endpoint.0.as_bytes());
    put_i64(buffer, event.position.commit.0 as i64);
    put_i64(buffer, ordinal(event.position.ordinal));
    put_bytes(buffer, event.id.to_string().as_bytes());
    put_bytes(buffer, event.event_type.as_bytes());
    put_bytes(buffer, word(*then).as_bytes());
    put_i64(buffer, event.commit_time.saturating_sub(POSTGRES_EPOCH));
    put_i64(buffer, attempt.started_at.saturating_sub(POSTGRES_EPOCH));
    put_i64(buffer, i64::try_from(attempt.duration.as_micros()).unwrap_or(i64::MAX));
    match attempt.status {
        Some(status) => put_i32(buffer, i32::from(status)),
        None => put_null(buffer),
    }
    put_text(buffer, attempt.error.as_ref().map(|(class, _)| class.as_str()));
    let message = attempt.error.as_ref().map(|(_, message)| message.as_str());
    let cancelled = job.cancelled().filter(|_| *then == Then::Cancelled);
    put_text(buffer, refusal.or(message).or(cancelled));
    put_text(buffer, Some(attempt.signature.as_str()).filter(|text| !text.is_empty()));
    let answered = attempt.status.is_some() && refusal.is_none();
    put_text(
        buffer,
        answered.then_some(attempt.response_headers.as_str()).filter(|h| !h.is_empty()),
    );
    put_text(buffer, answered.then_some(attempt.response_body.as_str()));
    let ends = matches!(then, Then::Failed | Then::Cancelled)
        || (*then == Then::Done && keep == LogPayload::Always);
    if ends && refusal.is_none() {
        put_bytes(buffer, &job.outgoing().delivery.body);
    } else {
        put_null(buffer);
    }
}

/// From 1; a delivery that ends without another attempt has a row numbered from -1 downwards.
pub(super) fn number(Outcome { job, then, .. }: &Outcome) -> i32 {
    let made = i32::try_from(job.attempts).unwrap_or(i32::MAX - 1);
    if *then == Then::Cancelled { -1 - made } else { made + 1 }
}

fn word(then: Then) -> &'static str {
    match then {
        Then::Done => "success",
        Then::Failed => "failed",
        Then::Cancelled => "cancelled",
        Then::Retry { .. } => "retrying",
    }
}

/// An ordinal as a bigint; the end of a commit (`u64::MAX`) becomes the largest one.
pub(super) fn ordinal(ordinal: u64) -> i64 {
    i64::try_from(ordinal).unwrap_or(i64::MAX)
}

fn put_null(buffer: &mut BytesMut) {
    buffer.put_i32(-1);
}

fn put_i32(buffer: &mut BytesMut, value: i32) {
    buffer.put_i32(4);
    buffer.put_i32(value);
}

fn put_i64(buffer: &mut BytesMut, value: i64) {
    buffer.put_i32(8);
    buffer.put_i64(value);
}

fn put_text(buffer: &mut BytesMut, text: Option<&str>) {
    match text {
        Some(text) => put_bytes(buffer, text.as_bytes()),
        None => put_null(buffer),
    }
}

fn put_bytes(buffer: &mut BytesMut, bytes: &[u8]) {
    // PostgreSQL takes no field of 1 GiB anyway, and our bodies and responses are bounded.
    buffer.put_i32(i32::try_from(bytes.len()).unwrap_or(-1));
    buffer.put_slice(bytes);
}
