//! One transaction of the shop: what was said in it, and what must come of it.

use std::time::Instant;

use tokio_postgres::{Client, Transaction};

use super::statement::{Argument, shown};

/// The shop's database said no.
#[derive(Debug, thiserror::Error)]
#[error("the shop could not {doing}")]
pub struct ShopError {
    /// What it was about to do.
    doing: &'static str,
    source: tokio_postgres::Error,
}

/// Wraps the driver's error.
pub(super) fn failed(doing: &'static str) -> impl FnOnce(tokio_postgres::Error) -> ShopError {
    move |source| ShopError { doing, source }
}

/// What happened in the shop.
pub(super) struct Step {
    /// In words.
    pub told: String,
    /// In SQL.
    pub sql: Vec<String>,
    /// The deliveries that it must cause, in order.
    pub expected: Vec<Expected>,
    /// What is to be learnt from it.
    pub lesson: Option<&'static str>,
    /// When the commit, or rollback, had returned.
    pub at: Instant,
}

/// A delivery that must come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// As in `order.created`.
    pub event_type: &'static str,
    /// Primary key, as payloads write it.
    pub key: String,
}

impl Step {
    /// Says that a delivery must come.
    pub(super) fn expect(&mut self, event_type: &'static str, key: impl ToString) {
        self.expected.push(Expected { event_type, key: key.to_string() });
    }
}

/// One transaction and what was said in it.
pub(super) struct Act<'c> {
    transaction: Transaction<'c>,
    sql: Vec<String>,
}

impl<'c> Act<'c> {
    /// Begins.
    pub(super) async fn begin(client: &'c mut Client) -> Result<Self, ShopError> {
        let transaction = client.transaction().await.map_err(failed("begin"))?;
        Ok(Self { transaction, sql: Vec::new() })
    }

    /// Changes a row.
    pub(super) async fn run(
        &mut self,
        sql: &str,
        arguments: Vec<Argument>,
    ) -> Result<(), ShopError> {
        let bound: Vec<_> = arguments.iter().map(Argument::bound).collect();
        self.transaction.execute(sql, &bound).await.map_err(failed("change a row"))?;
        self.sql.push(shown(sql, &arguments));
        Ok(())
    }

    /// Inserts a row and tells its id.
    pub(super) async fn insert(
        &mut self,
        sql: &str,
        arguments: Vec<Argument>,
    ) -> Result<i64, ShopError> {
        let bound: Vec<_> = arguments.iter().map(Argument::bound).collect();
        let row = self.transaction.query_one(sql, &bound).await.map_err(failed("add a row"))?;
        self.sql.push(shown(sql, &arguments));
        row.try_get(0).map_err(failed("read an id"))
    }

    /// Puts pieces into the stock, or takes them out.
    pub(super) async fn change_stock(&mut self, by: i32, sku: &str) -> Result<(), ShopError> {
        let arguments = vec![Argument::Count(by), Argument::text(sku)];
        self.run(include_str!("../../sql/demo/change_stock.sql"), arguments).await
    }

    /// Commits; `told` says in words what happened.
    pub(super) async fn commit(self, told: String) -> Result<Step, ShopError> {
        self.transaction.commit().await.map_err(failed("commit"))?;
        let (expected, lesson, at) = (Vec::new(), None, Instant::now());
        Ok(Step { told, sql: self.sql, expected, lesson, at })
    }

    /// Rolls back.
    pub(super) async fn roll_back(mut self, told: String) -> Result<Step, ShopError> {
        self.transaction.rollback().await.map_err(failed("roll back"))?;
        self.sql.push("rollback".to_owned());
        let (expected, lesson, at) = (Vec::new(), None, Instant::now());
        Ok(Step { told, sql: self.sql, expected, lesson, at })
    }
}
