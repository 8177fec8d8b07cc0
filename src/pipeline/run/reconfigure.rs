//! Following a configuration that changes under a running pipeline: a new router, and the lanes
//! told what concerns them. What is in a lane or in the queue keeps its body.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::configured::{Configured, Look};
use super::super::roster::can_follow;
use super::super::setup::TakeoverError;
use super::super::told::Change;
use super::{Pipeline, RunError};
use crate::endpoint::{Endpoint, EndpointId};
use crate::replication::Stream;
use crate::shutdown::Shutdown;
use crate::store::{chain, reconnect_backoff};

/// How long a commit that the WAL tells of may take to show, before it is looked for again. One
/// that waits for a standby takes longer, and its writer waits as well.
const GLANCE: Duration = Duration::from_millis(2);

/// How a change of configuration was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// The pipeline goes on with it.
    Live,
    /// Only a new pipeline can.
    StartOver,
    /// Not yet: the pipeline was told to stop. Nothing more is to be read, or a keepalive would
    /// pass over the commit that told of it; so it is not confirmed, and comes again.
    Stopped,
}

impl Pipeline {
    /// Reads the configuration that SQL has now, and goes on with it.
    pub(super) async fn reconfigure(
        &mut self,
        stream: &mut Stream,
        shutdown: &mut Shutdown,
    ) -> Result<Followed, RunError> {
        let told = self.reader.told.take();
        let known: HashMap<EndpointId, Arc<Endpoint>> = self
            .reader
            .lanes
            .iter()
            .map(|lane| (lane.endpoint.id, Arc::clone(&lane.endpoint)))
            .collect();
        let mut backoff = reconnect_backoff();
        let configured = loop {
            let read = tokio::select! {
                read = self.read_configuration(told.as_ref(), &known) => read,
                error = stream.idle() => Err(error.into()),
                () = shutdown.stopped() => return Ok(Followed::Stopped),
            };
            match read {
                Ok(configured) => break configured,
                Err(error) if error.is_transient() && !shutdown.is_stopped() => {
                    let delay = backoff.next().unwrap_or(Duration::from_secs(5));
                    tracing::warn!(error = %chain(&error), ?delay, "cannot read the configuration yet");
                    tokio::select! {
                        () = tokio::time::sleep(delay) => {}
                        error = stream.idle() => return Err(RunError::Takeover(error.into())),
                        () = shutdown.stopped() => {}
                    }
                }
                Err(error) => return Err(error.into()),
            }
        };
        let follows = |endpoint: &Arc<Endpoint>| {
            known.get(&endpoint.id).is_none_or(|former| can_follow(former, endpoint))
        };
        if !configured.endpoints.iter().all(|ready| follows(&ready.endpoint)) {
            return Ok(Followed::StartOver);
        }
        self.go_on_with(configured);
        if let Some(change) = told {
            self.reader.pass_commit(change.at, change.end);
        }
        Ok(Followed::Live)
    }

    async fn read_configuration(
        &self,
        told: Option<&Change>,
        known: &HashMap<EndpointId, Arc<Endpoint>>,
    ) -> Result<Configured, TakeoverError> {
        let session = self.reader.catalog.get().await?;
        if let Some(Change { xid, at, rows, .. }) = told {
            while !session.has_ended(*xid).await? {
                tokio::time::sleep(GLANCE).await;
            }
            session.activate(rows, *at).await?;
        }
        let look = match told {
            Some(change) => Look::Told(&change.rows, &self.rows),
            None => Look::Early(&self.rows),
        };
        self.setup.configure(&session, self.system.system_identifier, known, look).await
    }

    fn go_on_with(&mut self, configured: Configured) {
        let Configured { router, tables, endpoints, rows, seen_changes } = configured;
        self.roster.has_seen(seen_changes);
        self.rows = rows;
        let former = self.reader.lanes.take_all().into_iter();
        let former = former.map(|lane| (lane.endpoint.id, lane)).collect();
        let handles = self.roster.settle(former, endpoints);
        self.roster.watch(&self.lines, &handles, tables);
        tracing::info!(endpoints = handles.len(), "configuration is followed");
        self.reader.lanes.put_all(handles);
        self.reader.router = router;
    }
}
