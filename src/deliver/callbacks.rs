//! `[delivery] failure_callback` and `[alerts] callback`: functions of the application that are
//! called with each final failure and each alert.
//!
//! Their own task and sessions, beside the pipeline: a function that hangs or fails holds up no
//! delivery. What is to be told stands in a table, written with what it is about; a call and the
//! note that it was made are one transaction, so a function's effects are there exactly once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::config::FunctionName;
use crate::config::dsn::Dsn;
use crate::event::job::{Alert, Severity};
use crate::shutdown::Shutdown;
use crate::store::{DueCall, Occasion, Session, StoreError, chain, reconnect_backoff};

/// Who is called.
#[derive(Debug)]
pub struct Setup {
    /// The database.
    pub dsn: Dsn,
    /// With final failures.
    pub on_failure: Option<FunctionName>,
    /// With alerts.
    pub on_alert: Option<FunctionName>,
}

/// A function that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(30);

/// So many are looked for at a time.
const MOST_AT_A_TIME: i64 = 100;

/// Pauses between tries, which are one more.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(900),
    Duration::from_secs(3600),
];

/// How often is looked for what is due again.
const LOOK: Duration = Duration::from_secs(10);

/// How often is looked whether `walhook init` was run since an upgrade.
const LOOK_FOR_SCHEMA: Duration = Duration::from_secs(60);

/// Calls functions until told to stop; what is due then is called at the next start.
pub async fn run(mut setup: watch::Receiver<Arc<Setup>>, mut shutdown: Shutdown) {
    loop {
        let current = Arc::clone(&setup.borrow_and_update());
        tokio::select! {
            () = call_all(&current) => {}
            changed = setup.changed() => if changed.is_err() { return },
            () = shutdown.stopped() => return,
        }
    }
}

async fn call_all(setup: &Setup) {
    if setup.on_failure.is_none() && setup.on_alert.is_none() {
        return std::future::pending().await;
    }
    let mut backoff = reconnect_backoff();
    loop {
        let began = Instant::now();
        let Err(error) = listen(setup).await;
        if began.elapsed() > LOOK {
            backoff = reconnect_backoff();
        }
        let pause = match error.is_missing_schema() {
            true => LOOK_FOR_SCHEMA,
            false => backoff.next().unwrap_or(LOOK),
        };
        tracing::warn!(error = %chain(&error), ?pause, "callbacks are not called just now");
        sleep(pause).await;
    }
}

async fn listen(setup: &Setup) -> Result<std::convert::Infallible, StoreError> {
    let news = Arc::new(Notify::new());
    let session = Session::listen_to_calls(&setup.dsn, Arc::clone(&news)).await?;
    let wanted = (setup.on_failure.is_some(), setup.on_alert.is_some());
    loop {
        let due = session.due_calls(wanted, MOST_AT_A_TIME).await?;
        for call in &due {
            // In a session of its own: a function may leave anything behind.
            let runner = Session::connect_to_run(&setup.dsn, LIMIT).await?;
            call_once(setup, call, (&session, &runner)).await?;
        }
        if due.is_empty() {
            tokio::select! {
                () = news.notified() => {}
                () = sleep(LOOK) => {}
            }
        }
    }
}

async fn call_once(
    setup: &Setup,
    call: &DueCall,
    (session, runner): (&Session, &Session),
) -> Result<(), StoreError> {
    let function = match call.occasion {
        Occasion::Failure => &setup.on_failure,
        Occasion::Alert => &setup.on_alert,
    };
    let Some(function) = function else { return Ok(()) };
    let Err(error) = runner.call_back(call, function).await else { return Ok(()) };
    let delay = usize::try_from(call.tries).ok().and_then(|tries| PAUSES.get(tries)).copied();
    // What a function raises may quote what it was given.
    let why = error.without_data();
    let name = format!("{}.{}", function.schema, function.name);
    match delay {
        Some(pause) => tracing::warn!(function = name, why, ?pause, "a callback failed"),
        None => tracing::error!(function = name, why, "a callback failed and is given up"),
    }
    session.put_off_call(call, delay).await?;
    session.raise_alert_once(&alert(&name, &why)).await
}

fn alert(name: &str, why: &str) -> Alert {
    Alert {
        severity: Severity::Warning,
        kind: "callback_failed",
        application: None,
        endpoint_name: None,
        count: None,
        message: format!("function {name} failed: {why}; it is tried again a few times"),
        details: serde_json::json!({ "function": name }),
    }
}
