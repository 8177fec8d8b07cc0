//! The shop: an application that writes rows and knows nothing of walhook.
//!
//! The same story each time, so that whoever watches twice sees the same, and so that it can be
//! said beforehand which deliveries a step must cause.

use std::collections::VecDeque;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use super::act::{Act, ShopError, Step, failed};
use super::statement::Argument;

/// How a delivery was logged.
pub(super) struct LogLine {
    /// `success`, once it is there.
    pub status: String,
    /// HTTP status.
    pub status_code: Option<i32>,
    /// Attempts made.
    pub attempts: i32,
}

/// The shop, open for business.
pub(super) struct Shop {
    client: Client,
    connection: JoinHandle<()>,
    scenes: std::iter::Cycle<std::slice::Iter<'static, Scene>>,
    customers: VecDeque<(i64, &'static str)>,
    placed: VecDeque<Order>,
    paid: VecDeque<Order>,
    count: usize,
}

struct Order {
    id: i64,
    reference: String,
    sku: &'static str,
    quantity: i32,
}

#[derive(Clone, Copy)]
enum Scene {
    Register,
    Place,
    Pay,
    Ship,
    ChangeEmail,
    Abandon,
    Cancel,
    ChangeCard,
    Restock,
}

/// Every order placed is either shipped or cancelled, so nothing piles up.
const STORY: [Scene; 10] = [
    Scene::Register,
    Scene::Place,
    Scene::Pay,
    Scene::Ship,
    Scene::ChangeEmail,
    Scene::Abandon,
    Scene::Place,
    Scene::Cancel,
    Scene::ChangeCard,
    Scene::Restock,
];

const PEOPLE: [&str; 8] = [
    "Ada Lovelace",
    "Grace Hopper",
    "Edgar Codd",
    "Barbara Liskov",
    "Michael Stonebraker",
    "Zoë O'Hara",
    "Katherine Johnson",
    "Jim Gray",
];

const PRODUCTS: [&str; 5] = ["TEA-ASSAM", "CUP-THIN", "HONEY-LINDEN", "TEA-SENCHA", "POT-CLAY"];

/// More customers than that are not remembered, though the table keeps them.
const MOST_CUSTOMERS: usize = 8;

impl Shop {
    /// Makes the database `shop` at `server_url`, and opens the shop in it, which is at
    /// `shop_url`.
    pub(super) async fn open(server_url: &str, shop_url: &str) -> Result<Self, ShopError> {
        let (server, connection) = connect(server_url).await?;
        let create = server.batch_execute(include_str!("../../sql/demo/create_database.sql"));
        create.await.map_err(failed("make its database"))?;
        connection.abort();
        let (client, connection) = connect(shop_url).await?;
        let tables = client.batch_execute(include_str!("../../sql/demo/schema.sql"));
        tables.await.map_err(failed("make its tables"))?;
        Ok(Self {
            client,
            connection,
            scenes: STORY.iter().cycle(),
            customers: VecDeque::new(),
            placed: VecDeque::new(),
            paid: VecDeque::new(),
            count: 0,
        })
    }

    /// What happens next; at most `most_changes` rows change for the world to see.
    pub(super) async fn step(&mut self, most_changes: u64) -> Result<Step, ShopError> {
        let next = self.scenes.next().copied().unwrap_or(Scene::Restock);
        self.count += 1;
        match next {
            Scene::Register => self.register().await,
            // These change two rows.
            Scene::Place | Scene::Cancel if most_changes < 2 => self.restock().await,
            Scene::Place => self.place().await,
            Scene::Pay => self.pay().await,
            Scene::Ship => self.ship().await,
            Scene::ChangeEmail => self.change_email().await,
            Scene::Abandon => self.abandon().await,
            Scene::Cancel => self.cancel().await,
            Scene::ChangeCard => self.change_card().await,
            Scene::Restock => self.restock().await,
        }
    }

    /// `PostgreSQL` and the server's version.
    pub(super) async fn server_version(&self) -> Result<String, ShopError> {
        let query = include_str!("../../sql/demo/server_version.sql");
        let row = self.client.query_one(query, &[]).await;
        let version = row.and_then(|row| row.try_get::<_, String>(0));
        version.map(|v| format!("PostgreSQL {v}")).map_err(failed("ask for the version"))
    }

    /// How the delivery of `event_id` was logged, if it is logged already.
    pub(super) async fn log_line(&self, event_id: &str) -> Result<Option<LogLine>, ShopError> {
        let query = include_str!("../../sql/demo/log_line.sql");
        let row = self.client.query_opt(query, &[&event_id]).await;
        let line = |row: tokio_postgres::Row| {
            Ok(LogLine {
                status: row.try_get(0)?,
                status_code: row.try_get(1)?,
                attempts: row.try_get(2)?,
            })
        };
        row.and_then(|row| row.map(line).transpose()).map_err(failed("look into the log"))
    }

    async fn register(&mut self) -> Result<Step, ShopError> {
        let name = PEOPLE[(self.count / STORY.len()) % PEOPLE.len()];
        let card = format!("4111 1111 1111 {:04}", 1000 + self.count % 9000);
        let arguments = vec![
            Argument::text(name),
            Argument::text(&email(name, "example.com")),
            Argument::text(&card),
        ];
        let mut act = Act::begin(&mut self.client).await?;
        let id = act.insert(include_str!("../../sql/demo/register.sql"), arguments).await?;
        let mut step = act.commit(format!("{name} registers")).await?;
        self.customers.push_front((id, name));
        self.customers.truncate(MOST_CUSTOMERS);
        step.expect("customer.created", id);
        step.lesson = Some(
            "the endpoint's filter masks email and leaves credit_card out, before anything is stored",
        );
        Ok(step)
    }

    async fn place(&mut self) -> Result<Step, ShopError> {
        let Some((customer, name)) = self.customers.front().copied() else {
            return self.register().await;
        };
        let sku = PRODUCTS[self.count % PRODUCTS.len()];
        let quantity = 1 + i32::from(self.count.is_multiple_of(3));
        let reference = format!("ORD-2026-{:04}", self.count);
        let order = vec![
            Argument::text(&reference),
            Argument::Id(customer),
            Argument::Count(quantity),
            Argument::text(sku),
        ];
        let mut act = Act::begin(&mut self.client).await?;
        let id = act.insert(include_str!("../../sql/demo/place_order.sql"), order).await?;
        act.change_stock(-quantity, sku).await?;
        let mut step = act.commit(format!("{name} orders {quantity} x {sku}")).await?;
        step.expect("order.created", id);
        step.expect("product.updated", sku);
        step.lesson = Some(
            "two rows, two events: each row keeps its order, whichever of the two is here first",
        );
        self.placed.push_back(Order { id, reference, sku, quantity });
        Ok(step)
    }

    async fn pay(&mut self) -> Result<Step, ShopError> {
        let Some(order) = self.placed.pop_front() else { return self.restock().await };
        let mut act = Act::begin(&mut self.client).await?;
        act.run(include_str!("../../sql/demo/pay_order.sql"), vec![Argument::Id(order.id)]).await?;
        let mut step = act.commit(format!("{} is paid", order.reference)).await?;
        step.expect("order.updated", order.id);
        step.lesson =
            Some("\"changes\" names what changed, \"user\" comes from the column updated_by");
        self.paid.push_back(order);
        Ok(step)
    }

    async fn ship(&mut self) -> Result<Step, ShopError> {
        let Some(order) = self.paid.pop_front() else { return self.restock().await };
        let mut act = Act::begin(&mut self.client).await?;
        let arguments = vec![Argument::Id(order.id), Argument::text("anna")];
        act.run(include_str!("../../sql/demo/ship_order.sql"), arguments).await?;
        let mut step = act.commit(format!("Anna ships {}", order.reference)).await?;
        step.expect("order.updated", order.id);
        step.lesson = Some("events of one row never overtake each other");
        Ok(step)
    }

    async fn change_email(&mut self) -> Result<Step, ShopError> {
        let Some((id, name)) = self.customers.front().copied() else {
            return self.register().await;
        };
        let mut act = Act::begin(&mut self.client).await?;
        let address = email(name, &format!("mail{}.example.net", self.count));
        let arguments = vec![Argument::Id(id), Argument::text(&address)];
        act.run(include_str!("../../sql/demo/change_email.sql"), arguments).await?;
        let mut step = act.commit(format!("{name} has a new address")).await?;
        step.expect("customer.updated", id);
        step.lesson = Some("that the address changed may be known; both sides show the mask");
        Ok(step)
    }

    async fn change_card(&mut self) -> Result<Step, ShopError> {
        let Some((id, name)) = self.customers.front().copied() else {
            return self.register().await;
        };
        let mut act = Act::begin(&mut self.client).await?;
        let card = format!("5500 0000 0000 {:04}", 1000 + self.count % 9000);
        let arguments = vec![Argument::Id(id), Argument::text(&card)];
        act.run(include_str!("../../sql/demo/change_card.sql"), arguments).await?;
        let mut step = act.commit(format!("{name} changes the credit card")).await?;
        step.lesson = Some("no field that the endpoint may see has changed, so nothing is sent");
        Ok(step)
    }

    async fn abandon(&mut self) -> Result<Step, ShopError> {
        let Some((customer, name)) = self.customers.front().copied() else {
            return self.register().await;
        };
        let reference = format!("ORD-2026-{:04}", self.count);
        let order = vec![
            Argument::text(&reference),
            Argument::Id(customer),
            Argument::Count(3),
            Argument::text(PRODUCTS[self.count % PRODUCTS.len()]),
        ];
        let mut act = Act::begin(&mut self.client).await?;
        act.insert(include_str!("../../sql/demo/place_order.sql"), order).await?;
        let mut step = act.roll_back(format!("{name} orders, and thinks better of it")).await?;
        step.lesson = Some("rolled back: only what is committed is in the stream, nothing is sent");
        Ok(step)
    }

    async fn cancel(&mut self) -> Result<Step, ShopError> {
        let Some(order) = self.placed.pop_front() else { return self.restock().await };
        let mut act = Act::begin(&mut self.client).await?;
        let arguments = vec![Argument::Id(order.id)];
        act.run(include_str!("../../sql/demo/cancel_order.sql"), arguments).await?;
        act.change_stock(order.quantity, order.sku).await?;
        let mut step = act.commit(format!("{} is cancelled", order.reference)).await?;
        step.expect("order.deleted", order.id);
        step.expect("product.updated", order.sku);
        step.lesson = Some("replica identity full: a delete still tells what the row was");
        Ok(step)
    }

    async fn restock(&mut self) -> Result<Step, ShopError> {
        let sku = PRODUCTS[self.count / STORY.len() % PRODUCTS.len()];
        let mut act = Act::begin(&mut self.client).await?;
        act.change_stock(20, sku).await?;
        let mut step = act.commit(format!("20 x {sku} arrive")).await?;
        step.expect("product.updated", sku);
        Ok(step)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

async fn connect(url: &str) -> Result<(Client, JoinHandle<()>), ShopError> {
    let connected = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = connected.map_err(failed("reach its database"))?;
    let driver = tokio::spawn(async move {
        // What goes wrong here, the client's next call reports.
        let _ = connection.await;
    });
    Ok((client, driver))
}

fn email(name: &str, domain: &str) -> String {
    let letters = name.to_lowercase().replace(' ', ".").replace(['\'', 'ë'], "");
    format!("{letters}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::super::cluster::{Cluster, ClusterOptions};
    use super::*;

    /// Writes down every committed change that a delivery must tell of.
    const AUDIT: &str = "
        create table audit (n bigint generated always as identity, event_type text, key text);
        create function audit() returns trigger language plpgsql as $$
        declare
            old_row jsonb := to_jsonb(old) - 'credit_card';
            new_row jsonb := to_jsonb(new) - 'credit_card';
            changed jsonb := coalesce(new_row, old_row);
        begin
            if old_row is distinct from new_row then
                insert into audit (event_type, key)
                values (rtrim(tg_table_name, 's') || '.' || lower(tg_op) || 'd',
                        coalesce(changed ->> 'id', changed ->> 'sku'));
            end if;
            return null;
        end $$;
        create trigger audit after insert or update or delete on customer
            for each row execute function audit();
        create trigger audit after insert or update or delete on product
            for each row execute function audit();
        create trigger audit after insert or update or delete on orders
            for each row execute function audit()";

    #[tokio::test]
    async fn the_shop_foretells_exactly_the_changes_that_it_makes() {
        let cluster = Cluster::start(ClusterOptions::default()).unwrap();
        let mut shop = Shop::open(&cluster.url("postgres"), &cluster.url("shop")).await.unwrap();
        shop.client.batch_execute(AUDIT).await.unwrap();
        let mut foretold = Vec::new();
        for count in 0..200u64 {
            // Now and then there is room for one change only.
            let most = if count % 7 == 0 { 1 } else { 2 };
            let step = shop.step(most).await.unwrap();
            assert!(step.expected.len() as u64 <= most, "{}", step.told);
            assert!(!step.sql.is_empty());
            foretold.extend(step.expected);
        }
        let rows = shop.client.query("select event_type, key from audit order by n", &[]).await;
        let made = rows.unwrap().into_iter().map(|row| {
            let event_type: String = row.get(0);
            (event_type.replace(".insertd", ".created"), row.get(1))
        });
        let made: Vec<(String, String)> = made.collect();
        let foretold: Vec<(String, String)> =
            foretold.into_iter().map(|e| (e.event_type.to_owned(), e.key)).collect();
        assert!(foretold.len() > 150);
        assert_eq!(made, foretold);
    }
}
