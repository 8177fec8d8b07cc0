//! What the demo says: calm, in the order in which things happen, each lesson once.

use std::collections::HashSet;
use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use owo_colors::OwoColorize;
use serde_json::value::RawValue;

use super::act::{Expected, Step};
use super::arrivals::{Arrival, Tally};
use super::shop::LogLine;
use crate::admin::pretty::harmless;
use crate::admin::receiver::Received;

/// Writes the demo's story.
pub(super) struct Printer<W> {
    out: W,
    lessons: HashSet<&'static str>,
}

/// The places that make up the scene.
pub(super) struct Scene<'a> {
    /// Version of the server, as it says.
    pub server: &'a str,
    /// How to look into the database.
    pub psql: &'a str,
    /// Where the receiver listens.
    pub receiver: &'a str,
    /// The daemon's configuration file.
    pub config: &'a str,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, lessons: HashSet::new() }
    }

    /// Before the cluster is there.
    pub(super) fn opening(&mut self) -> io::Result<()> {
        writeln!(self.out, "\n{}", "walhook demo: committed rows become signed webhooks".bold())?;
        writeln!(self.out, "{}", "starting a throwaway PostgreSQL …".dimmed())?;
        self.out.flush()
    }

    /// Once everything runs.
    pub(super) fn scene(&mut self, scene: &Scene<'_>) -> io::Result<()> {
        writeln!(self.out)?;
        self.fact("database", format_args!("{}, with a small shop in it", scene.server))?;
        self.fact("daemon", format_args!("walhook run -c {}", scene.config))?;
        self.fact("receiver", format_args!("{}, verifies every signature", scene.receiver))?;
        self.fact("look", scene.psql.cyan())?;
        let tables = ["walhook.webhook_log", "walhook.webhook_attempt", "orders"];
        self.fact("", format_args!("then: {}", tables.map(|t| format!("table {t};")).join("  ")))?;
        self.fact("end", "Ctrl-C; nothing of this stays behind")?;
        self.out.flush()
    }

    /// What the shop did.
    pub(super) fn step(&mut self, step: &Step) -> io::Result<()> {
        writeln!(self.out, "\n{}", step.told.bold())?;
        for (index, sql) in step.sql.iter().enumerate() {
            self.fact(if index == 0 { "sql" } else { "" }, sql.dimmed())?;
        }
        self.out.flush()
    }

    /// A delivery as it was verified.
    pub(super) fn arrival(&mut self, arrival: &Arrival) -> io::Result<()> {
        let Arrival { received, body, waited } = arrival;
        let verdict = received.verdict.to_string();
        let line = format!(
            "{}  {}  {}, {} after the commit",
            harmless(&body.event_type).yellow(),
            harmless(&body.id).dimmed(),
            verdict.green(),
            milliseconds(*waited),
        );
        self.fact("webhook", line)?;
        let told = |text: &RawValue| text.get() != "null";
        match body.changes.as_deref().filter(|changes| told(changes)) {
            Some(changes) => {
                self.fact("", format_args!("\"changes\":{}", harmless(changes.get())))?;
            }
            None => {
                self.fact("", format_args!("\"object\":{}", harmless(body.object.get())))?;
            }
        }
        if let Some(user) = body.user.as_deref().filter(|user| told(user)) {
            self.fact("", format_args!("\"user\":{}", harmless(user.get())))?;
        }
        self.out.flush()
    }

    /// What the log holds of it.
    pub(super) fn log(&mut self, line: Option<&LogLine>) -> io::Result<()> {
        match line {
            Some(LogLine { status, status_code, attempts }) => {
                let code =
                    status_code.map_or_else(|| "no answer".to_owned(), |c| format!("HTTP {c}"));
                self.fact("log", format_args!("{status}, {code}, attempts: {attempts}"))?;
            }
            None => self.fact("log", "not written within two seconds")?,
        }
        self.out.flush()
    }

    /// What is to be learnt, the first time.
    pub(super) fn lesson(&mut self, lesson: Option<&'static str>) -> io::Result<()> {
        if let Some(lesson) = lesson.filter(|lesson| self.lessons.insert(lesson)) {
            self.fact("note", lesson.italic())?;
        }
        self.out.flush()
    }

    /// A request that is not to be believed, or not to be explained.
    pub(super) fn odd(&mut self, received: &Received) -> io::Result<()> {
        let type_ = harmless(received.header("x-webhook-event"));
        let id = harmless(received.header("x-webhook-event-id"));
        let verdict = received.verdict.to_string();
        self.fact("odd", format_args!("{type_}  {id}  {}", verdict.red()))?;
        self.out.flush()
    }

    /// What did not come.
    pub(super) fn missing(&mut self, due: &[Expected]) -> io::Result<()> {
        for Expected { event_type, key } in due {
            self.fact("missing", format!("{event_type} of {key} has not arrived").red())?;
        }
        self.out.flush()
    }

    /// How it went.
    pub(super) fn closing(&mut self, tally: &Tally) -> io::Result<()> {
        let Tally { expected, arrived, repeated, refused, unexpected, waited } = tally;
        let mean = waited.checked_div(u32::try_from(*arrived).unwrap_or(u32::MAX));
        let mean = milliseconds(mean.unwrap_or_default());
        let line = format!(
            "{arrived} of {expected} deliveries arrived and verified, {mean} after their commits \
             on average; {repeated} repeated, {refused} refused, {unexpected} unexpected"
        );
        writeln!(self.out)?;
        match tally.is_good() {
            true => writeln!(self.out, "{}", line.green())?,
            false => writeln!(self.out, "{}", line.red())?,
        }
        self.out.flush()
    }

    fn fact(&mut self, label: &str, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "  {} {text}", format_args!("{label:<8}").blue())
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::arrivals::tests::delivery;
    use super::super::arrivals::{Arrivals, Report};
    use super::*;

    /// What a terminal without colours shows.
    fn plain(write: impl FnOnce(&mut Printer<Vec<u8>>)) -> String {
        let mut printer = Printer::new(Vec::new());
        write(&mut printer);
        anstream::adapter::strip_str(std::str::from_utf8(&printer.out).unwrap()).to_string()
    }

    fn step(lesson: Option<&'static str>) -> Step {
        Step {
            told: "ORD-1 is paid".to_owned(),
            sql: vec!["update orders".to_owned()],
            expected: Vec::new(),
            lesson,
            at: Instant::now(),
        }
    }

    #[tokio::test]
    async fn a_step_its_delivery_and_its_log_line_read_from_top_to_bottom() {
        let (sink, reports) = tokio::sync::mpsc::channel(1);
        let committed = Instant::now();
        sink.send(delivery("evt_1", "order.updated", "1")).await.unwrap();
        let mut due = vec![Expected { event_type: "order.updated", key: "1".to_owned() }];
        let report = Arrivals::new(reports).next(&mut due, committed).await;
        let Some(Report::Due(mut arrival)) = report else { panic!("it is due") };
        arrival.waited = Duration::from_micros(2_340);
        let told = plain(|printer| {
            printer.step(&step(None)).unwrap();
            printer.arrival(&arrival).unwrap();
            let line =
                LogLine { status: "success".to_owned(), status_code: Some(200), attempts: 1 };
            printer.log(Some(&line)).unwrap();
        });
        let expected = r#"
ORD-1 is paid
  sql      update orders
  webhook  order.updated  evt_1  verified (body), 2.3 ms after the commit
           "changes":{"status":{"old":"pending","new":"paid"}}
           "user":{"username":"anna"}
  log      success, HTTP 200, attempts: 1
"#;
        assert_eq!(told, expected);
    }

    #[test]
    fn a_lesson_is_told_once() {
        let told = plain(|printer| {
            for _ in 0..2 {
                printer.lesson(step(Some("calm")).lesson).unwrap();
            }
        });
        assert_eq!(told, "  note     calm\n");
    }

    #[test]
    fn the_closing_words_hold_every_count() {
        let tally = Tally {
            expected: 4,
            arrived: 3,
            repeated: 2,
            refused: 1,
            unexpected: 0,
            waited: Duration::from_millis(6),
        };
        assert_eq!(
            plain(|printer| printer.closing(&tally).unwrap()),
            "\n3 of 4 deliveries arrived and verified, 2.0 ms after their commits on average; \
             2 repeated, 1 refused, 0 unexpected\n"
        );
    }
}
