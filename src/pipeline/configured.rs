//! What a pipeline works by: the file's declarations and SQL's, bound to the tables that are there.

use std::collections::HashMap;
use std::sync::Arc;

use super::models;
use super::setup::{Setup, TakeoverError};
use super::tables::Tables;
use crate::config::{Declared, Row, RowFault, RowTable};
use crate::deliver::client::Client;
use crate::endpoint::{Endpoint, EndpointId, TlsFiles};
use crate::route::{Router, RouterSettings};
use crate::store::{LoadedEndpoint, Session, ToldRow, chain};

/// Declarations bound to the database.
pub(super) struct Configured {
    pub(super) router: Router,
    pub(super) tables: Tables,
    /// In the router's order.
    pub(super) endpoints: Vec<Ready>,
    /// SQL's rows that all this was made of.
    pub(super) rows: Vec<Row>,
    /// What had been changed by then, if all of it was looked at.
    pub(super) seen_changes: Option<(i64, i64)>,
}

/// What of SQL's declarations is to be looked at.
#[derive(Clone, Copy)]
pub(super) enum Look<'a> {
    /// All: nothing is known yet.
    Everything,
    /// What a commit tells of, and the rest as in the rows that are followed already: what later
    /// commits changed comes with them.
    Told(&'a [ToldRow], &'a [Row]),
    /// What stops or narrows, at once: endpoints and applications. Models go on as in these rows
    /// until the WAL tells.
    Early(&'a [Row]),
}

impl Look<'_> {
    /// The rows to follow, given those that are there now.
    fn pick(self, now: Vec<Row>) -> Vec<Row> {
        let is_endpoint =
            |row: &&Row| matches!(row.table, RowTable::Endpoint | RowTable::Application);
        let is_told = |told: &[ToldRow], row: &Row| {
            told.iter().any(|told| told.table == row.table && told.key == row.told_key())
        };
        match self {
            Self::Everything => now,
            Self::Told(told, followed) => {
                let kept = followed.iter().filter(|row| !is_told(told, row)).cloned();
                let told = now.into_iter().filter(|row| is_told(told, row));
                kept.chain(told).collect()
            }
            Self::Early(followed) => {
                let kept = followed.iter().filter(|row| !is_endpoint(row)).cloned();
                kept.chain(now.into_iter().filter(|row| is_endpoint(&row))).collect()
            }
        }
    }
}

/// An endpoint and what calls it.
type Called = (Arc<Endpoint>, Arc<Client>);

/// An endpoint that deliveries can be made for.
pub(super) struct Ready {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) client: Arc<Client>,
    /// How it fared when it was loaded; `None` where a lane of its own knows better.
    pub(super) fare: Option<LoadedEndpoint>,
    /// What had been held waits in the queue.
    pub(super) has_released: bool,
}

impl Setup {
    /// Reads what is declared and binds it. `known` are the endpoints that have a lane, as the
    /// lanes have them.
    pub(super) async fn configure(
        &self,
        session: &Session,
        system_identifier: u64,
        known: &HashMap<EndpointId, Arc<Endpoint>>,
        look: Look<'_>,
    ) -> Result<Configured, TakeoverError> {
        let changes = session.configuration_changes().await?;
        let seen_changes = Some(changes).filter(|_| !matches!(look, Look::Told(..)));
        let rows = look.pick(session.configuration().await?);
        let mut declared = self.config.declared(&rows);
        let models = models::bind(session, self, &declared).await?;
        if matches!(look, Look::Everything) {
            let bound = models.iter().filter_map(|(_, model)| {
                let mut of_file = self.config.models.iter();
                Some((model.oid, of_file.find(|own| own.label == model.label)?.clone()))
            });
            let (applications, event_types) = (&self.config.applications, &self.config.event_types);
            session.mirror(applications, &bound.collect::<Vec<_>>(), event_types).await?;
        }
        let called = self.clients(&mut declared)?;
        session.note_faults(&declared.faults).await?;
        let tables: Vec<_> =
            models.iter().map(|(table, model)| (model.oid, table.clone())).collect();
        let watched = Tables::new(&self.publication, &models);
        let models = models.into_iter().map(|(_, model)| model).collect();
        let routing = RouterSettings { system_identifier, ..self.routing.clone() };
        let of_router: Vec<_> = called.iter().map(|(endpoint, _)| Arc::clone(endpoint)).collect();
        let mut router = Router::new(routing, models, of_router.clone())?;
        let released = models::release_mended(session, &of_router, (&mut router, tables)).await?;
        // Only now: what was released is a backlog.
        let mut endpoints = Vec::with_capacity(called.len());
        for (place, (endpoint, client)) in called.into_iter().enumerate() {
            let is_of_file = place < self.config.endpoints.len();
            let fare = match (known.contains_key(&endpoint.id), is_of_file) {
                (true, _) => None,
                (false, true) => {
                    Some(session.load_endpoint(&endpoint, &client.logged_url()).await?)
                }
                (false, false) => Some(session.endpoint_fare(endpoint.id).await?),
            };
            let has_released = released.contains(&endpoint.id);
            endpoints.push(Ready { endpoint, client, fare, has_released });
        }
        Ok(Configured { router, tables: watched, endpoints, rows, seen_changes })
    }

    /// What calls each endpoint. One of SQL whose files are of no use is marked; it is mended
    /// there, while others work on.
    fn clients(&self, declared: &mut Declared) -> Result<Vec<Called>, TakeoverError> {
        let mut clients = Vec::with_capacity(declared.endpoints.len());
        for (place, endpoint) in std::mem::take(&mut declared.endpoints).into_iter().enumerate() {
            let new = |endpoint: &Endpoint| {
                let named =
                    |source| TakeoverError::Client { endpoint: endpoint.name.clone(), source };
                Client::new(endpoint, Arc::clone(&self.network)).map_err(named)
            };
            let (endpoint, client) = match new(&endpoint) {
                Ok(client) => (endpoint, client),
                Err(error) if place < self.config.endpoints.len() => return Err(error),
                Err(error) => {
                    let fault = Some(format!("tls: {}", chain(&error)));
                    let key = endpoint.id.0.to_string();
                    declared.faults.retain(|known| known.key != key);
                    declared.faults.push(RowFault { table: RowTable::Endpoint, key, fault });
                    let tls = TlsFiles::default();
                    let endpoint = Endpoint { tls, is_faulty: true, ..endpoint };
                    let client = new(&endpoint)?;
                    (endpoint, client)
                }
            };
            clients.push((Arc::new(endpoint), Arc::new(client)));
        }
        Ok(clients)
    }
}
