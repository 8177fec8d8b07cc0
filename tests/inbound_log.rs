//! What the program's log says of inbound events, at the most talkative level. A test of its own
//! process, since there is one log.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::inbound::{Processor, event, installed, limits, request, source};
use support::pg::Pg;

/// What the program logs.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_events_and_quotes_nothing_of_what_handlers_were_given_or_say() {
    let log = Log::default();
    let writer = log.clone();
    // The driver's own lines too.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let database = installed(Pg::shared()).await;
    let body = "set client_min_messages = debug5;
         raise warning 'warned of %', e.payload;
         if e.event_id = 'evt_bad' then
             raise exception 'raised with %', e.payload using detail = e.payload::text, hint = e.payload::text;
         end if";
    database
        .execute(&format!(
            "create function h(e walhook.inbound_event) returns void
             language plpgsql as $$ begin {body}; end $$;
             select walhook.on_inbound('s', '*', 'h(walhook.inbound_event)')"
        ))
        .await;
    let secret = r#"{"ssn":"078-05-1120"}"#;
    let bad = event("evt_bad", "hr.changed", secret);
    database.store(&[request("s", vec![event("evt_good", "hr.changed", secret), bad])]).await;
    let processor = Processor::start(&database, vec![source("s", &[])], limits());
    database.becomes_true("select bool_and(status <> 'received') from walhook.inbound_event").await;
    processor.stop().await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for wanted in
        ["evt_good", "evt_bad", "hr.changed", "P0001", " INFO ", "ERROR ", "executing statement"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("078-05"), "{text}");
    let [bad, _] = &database.inbound().await[..] else { panic!() };
    assert!(bad.contains("raised with") && bad.contains("078-05"), "the table keeps it: {bad}");
}
