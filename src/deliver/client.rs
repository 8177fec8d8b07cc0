//! stub
#![allow(missing_docs, clippy::unused_async)]
use crate::event::{Attempt, Delivery};
#[derive(Debug)]
pub struct Client;
#[derive(Debug)]
pub struct Connection;
impl Client {
    pub async fn attempt(
        &self,
        _idle: Option<Connection>,
        _d: &Delivery,
        _n: u32,
    ) -> (Attempt, Option<Connection>) {
        std::future::pending().await
    }
}
