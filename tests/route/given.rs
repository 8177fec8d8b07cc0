//! Small words for tables, rows, changes and endpoints.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use walhook::change::{
    Change, Column, OldTuple, Origin, ReplicaIdentity, Row, Span, Table, Transaction, Tuple,
};
use walhook::config::Tables;
use walhook::endpoint::{Endpoint, EndpointId, Filter, Method, Ordering, RetryPolicy, TlsFiles};
use walhook::lsn::{Lsn, Position};
use walhook::route::{BoundModel, EventKind, KnownColumn, Routed, Router, RouterSettings};
use walhook::value::{Declared, Kind, TextOrder};

pub(crate) const ORDERS: u32 = 16_400;

/// `public.orders(id int8 primary key, status text, total numeric, note text, meta jsonb,
/// updated_by int4)`; under identity INDEX the index is on `status`.
pub(crate) fn orders(identity: ReplicaIdentity) -> Table {
    let kinds = [
        ("id", Kind::Int8, 20),
        ("status", Kind::Text, 25),
        ("total", Kind::Numeric, 1700),
        ("note", Kind::Text, 25),
        ("meta", Kind::Json, 3802),
        ("updated_by", Kind::Number, 23),
    ];
    let columns = kinds.into_iter().zip(1..).map(|((name, kind, type_oid), attnum)| Column {
        name: name.to_owned(),
        attnum,
        kind,
        declared: Declared {
            type_oid,
            collation: if type_oid == 25 { 100 } else { 0 },
            order: TextOrder::Equality,
            ..Declared::default()
        },
        in_identity: match identity {
            ReplicaIdentity::Default => name == "id",
            ReplicaIdentity::Index => name == "status",
            ReplicaIdentity::Full => true,
            ReplicaIdentity::Nothing => false,
        },
        in_primary_key: name == "id",
    });
    Table {
        oid: ORDERS,
        schema: "public".to_owned(),
        name: "orders".to_owned(),
        identity,
        columns: columns.collect(),
        order: TextOrder::Equality,
    }
}

/// The model `store.Order` on `orders`, with `user` from `updated_by`.
pub(crate) fn order_model() -> BoundModel {
    BoundModel {
        oid: ORDERS,
        label: "store.Order".to_owned(),
        app: "store".to_owned(),
        name: "Order".to_owned(),
        events: EventKind::ALL.to_vec(),
        event_prefix: "order".to_owned(),
        user: Vec::new(),
        tenant_column: None,
        known_columns: Vec::new(),
        condition: None,
        derived: Vec::new(),
    }
}

pub(crate) fn known(table: &Table) -> Vec<KnownColumn> {
    let columns = table.columns.iter();
    columns.map(|c| KnownColumn { attnum: c.attnum, name: c.name.clone() }).collect()
}

pub(crate) const NULL: Option<&str> = None;
/// A cell that the WAL does not carry.
pub(crate) const TOAST: Option<&str> = Some("\0toast");

pub(crate) fn tuple(cells: &[Option<&str>]) -> Tuple {
    let mut raw = Vec::new();
    let spans = cells.iter().map(|cell| match *cell {
        None => Span::Null,
        Some(_) if *cell == TOAST => Span::Unchanged,
        Some(text) => {
            let start = raw.len() as u32;
            raw.extend_from_slice(text.as_bytes());
            Span::Text { start, end: raw.len() as u32 }
        }
    });
    let cells = spans.collect();
    Tuple { raw: raw.into(), cells }
}

pub(crate) fn insert(new: &[Option<&str>]) -> Row {
    Row::Insert { new: tuple(new) }
}

pub(crate) fn update(old: OldTuple, new: &[Option<&str>]) -> Row {
    Row::Update { old, new: tuple(new) }
}

pub(crate) fn full(old: &[Option<&str>]) -> OldTuple {
    OldTuple::Full(tuple(old))
}

pub(crate) fn key(old: &[Option<&str>]) -> OldTuple {
    OldTuple::Key(tuple(old))
}

pub(crate) fn change(table: &Table, row: Row) -> Change {
    Change {
        position: Position { commit: Lsn(0x16_B374_D848), ordinal: 3 },
        transaction: Arc::new(transaction(None)),
        actor: None,
        table: Arc::new(table.clone()),
        row,
    }
}

fn transaction(origin: Option<Origin>) -> Transaction {
    Transaction { xid: 777, commit_time: 1_768_566_600_000_000, origin }
}

/// The transaction of a handler of the inbound event `event_id`.
pub(crate) fn from(source: &str, event_id: &str) -> Arc<Transaction> {
    let origin = Origin { source: source.to_owned(), event_id: event_id.to_owned() };
    Arc::new(transaction(Some(origin)))
}

pub(crate) fn settings() -> RouterSettings {
    RouterSettings {
        system_identifier: 7_000_000_000_000_000_001,
        int8_as_number: false,
        include_source: false,
        max_event_bytes: 1 << 20,
        tables: ["public", "bill ing"].map(|name| Tables::Schema(name.to_owned())).into(),
    }
}

pub(crate) fn everything() -> Filter {
    Filter { events: vec!["*".to_owned()], ..Filter::default() }
}

pub(crate) fn lists(entries: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    entries.iter().map(|(label, names)| ((*label).to_owned(), owned(names))).collect()
}

pub(crate) fn masks(entries: &[(&str, &[&str])]) -> Vec<(String, Vec<(String, String)>)> {
    let masked = |names: Vec<String>| names.into_iter().map(|n| (n, "***".to_owned())).collect();
    lists(entries).into_iter().map(|(label, names)| (label, masked(names))).collect()
}

pub(crate) fn endpoint(name: &str, filter: Filter) -> Arc<Endpoint> {
    Arc::new(Endpoint {
        id: EndpointId(uuid::Uuid::nil()),
        name: name.to_owned(),
        application: "default".to_owned(),
        reach: walhook::endpoint::Reach::default(),
        is_faulty: false,
        active_from: walhook::lsn::Lsn(0),
        url: "https://receiver.example/hooks".parse().unwrap(),
        method: Method::Post,
        enabled: true,
        secrets: Vec::new(),
        signature: Vec::new(),
        filter,
        transform: None,
        condition: None,
        headers: Vec::new(),
        auth: None,
        tls: TlsFiles::default(),
        timeout: Duration::from_secs(30),
        retry: RetryPolicy { schedule: Vec::new(), jitter: 0.0, retry_on_status: Vec::new() },
        ordering: Ordering::Key,
        max_in_flight: 1,
        rate_limit_per_second: 0,
        failure_rest: vec![Duration::from_secs(1)],
        alert_after: Vec::new(),
        disable_after: 0,
        disable_min_duration: Duration::ZERO,
    })
}

/// A router of `store.Order` to one endpoint for each filter.
pub(crate) fn router(filters: Vec<Filter>) -> Router {
    router_with(settings(), order_model(), filters)
}

pub(crate) fn router_with(
    settings: RouterSettings,
    model: BoundModel,
    filters: Vec<Filter>,
) -> Router {
    let endpoints = filters.into_iter().map(|filter| endpoint("e", filter)).collect();
    Router::new(settings, vec![model], endpoints).unwrap()
}

pub(crate) fn routed(router: &mut Router, change: &Change) -> Vec<Routed> {
    let mut out = Vec::new();
    router.route(change, &mut out);
    out
}

/// The only body, or `None` where nothing is sent.
pub(crate) fn body(router: &mut Router, change: &Change) -> Option<String> {
    let out = routed(router, change);
    assert!(out.len() <= 1, "{out:?}");
    out.first().map(|routed| text(&routed.body))
}

pub(crate) fn text(body: &Bytes) -> String {
    serde_json::from_slice::<serde_json::Value>(body).expect("a body is JSON");
    String::from_utf8(body.to_vec()).unwrap()
}

/// The body from `"object":` on, without the closing brace.
pub(crate) fn from_object(body: &str) -> &str {
    let start = body.find("\"object\":").expect("every body has an object");
    body[start..].strip_suffix('}').expect("a body is an object")
}
