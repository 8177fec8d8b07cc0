//! `walhook status`: how the slot and each endpoint do, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::pretty::harmless;
use crate::config::dsn::Dsn;
use crate::store::{EndpointReport, OpenAlert, Session, SlotReport, StoreError};

/// How everything does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The slot; `None` if there is none.
    pub replication: Option<SlotReport>,
    /// Endpoints that are loaded, by name.
    pub endpoints: Vec<EndpointReport>,
    /// The newest alert that nobody has acknowledged.
    pub alert: Option<OpenAlert>,
}

/// Looks at the database; the daemon need not run.
///
/// # Errors
///
/// [`StoreError`]; see [`StoreError::is_missing_schema`] for a database without walhook.
pub async fn status(dsn: &Dsn, slot: &str) -> Result<Status, StoreError> {
    let session = Session::connect(dsn).await?;
    session.only_look().await?;
    Ok(Status {
        replication: session.slot_report(slot).await?,
        endpoints: session.endpoint_reports().await?,
        alert: session.open_alert().await?,
    })
}

impl Status {
    /// As a table, without colours. Texts from outside are made harmless.
    pub fn table(&self) -> String {
        let mut text = self.slot_line();
        if let Some(alert) = &self.alert {
            let OpenAlert { open, severity, kind, message, at } = alert;
            let _ = writeln!(text, "alerts: {open} open; {at} {severity} {kind}: {message}");
        }
        text.push('\n');
        if self.endpoints.is_empty() {
            text.push_str("no endpoint was loaded yet: walhook run\n");
            return text;
        }
        let head = ["endpoint", "state", "ready", "retrying", "held", "oldest", "last success"];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(self.endpoints.iter().map(cells));
        text.push_str(&aligned(&rows));
        for endpoint in self.endpoints.iter().filter(|e| e.consecutive_failures > 0) {
            let _ = writeln!(
                text,
                "\n{}: {} failed in a row since {}; the last: {}",
                endpoint.endpoint_name,
                endpoint.consecutive_failures,
                endpoint.failing_since.as_deref().unwrap_or("?"),
                harmless(endpoint.last_error.as_deref().unwrap_or("?")),
            );
        }
        text
    }

    fn slot_line(&self) -> String {
        let Some(slot) = &self.replication else {
            return "slot: does not exist; walhook init\n".to_owned();
        };
        let holder = match (slot.active, &slot.owner_host, slot.owner_pid) {
            (true, Some(host), Some(pid)) => format!("streaming to {host} (pid {pid})"),
            (true, ..) => "streaming".to_owned(),
            (false, ..) => "nobody streams from it: walhook run".to_owned(),
        };
        let lag = slot.lag_bytes.map_or_else(|| "?".to_owned(), bytes);
        let seconds = slot.lag_seconds.unwrap_or_default();
        let mut text = format!("slot {}: {holder}, lag {lag}, {seconds:.0} s", slot.slot);
        match (slot.wal_status.as_deref(), slot.safe_wal_bytes) {
            (Some("lost"), _) => text.push_str(", LOST: walhook init"),
            (_, Some(safe)) => {
                let _ = write!(text, ", lost after another {}", bytes(safe));
                if let Some(seconds) = slot.seconds_to_loss {
                    let minutes = (seconds / 60.0) as u64;
                    let _ = write!(text, ", in about {} h {} min", minutes / 60, minutes % 60);
                }
            }
            (_, None) => {}
        }
        text.push('\n');
        text
    }
}

fn cells(endpoint: &EndpointReport) -> [String; 7] {
    let state = match &endpoint.reason {
        Some(reason) => format!("{} ({reason})", endpoint.state),
        None if endpoint.consecutive_failures > 0 && endpoint.state == "active" => {
            "failing".to_owned()
        }
        None => endpoint.state.clone(),
    };
    let time = |at: &Option<String>| at.clone().unwrap_or_else(|| "-".to_owned());
    [
        endpoint.endpoint_name.clone(),
        state,
        (endpoint.ready + endpoint.in_flight).to_string(),
        (endpoint.retrying + endpoint.blocked).to_string(),
        endpoint.held.to_string(),
        time(&endpoint.oldest_pending_at),
        time(&endpoint.last_success_at),
    ]
}

/// Columns as wide as their widest cell; numbers to the right.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let is_number = |cell: &str| !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit());
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| match is_number(cell) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// `1.2 GB`.
fn bytes(count: i64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} B"),
        unit => format!("{value:.1} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_the_unit_that_fits() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 kB"),
            (-2048, "-2.0 kB"),
            (5 << 30, "5.0 GB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn columns_line_up() {
        let rows = [["name", "count"], ["a", "7"], ["longer", "12345"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "name    count\na           7\nlonger  12345\n");
    }
}
