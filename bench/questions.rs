//! What operators ask of the log, over a long one: how long PostgreSQL takes to answer.

use serde_json::Value;

use crate::Failed;
use crate::growth::{fill_by_pieces, load};
use crate::site::Site;
use crate::table::{Table, fine, whole};
use crate::world::{PATIENCE, World};

const QUESTIONS: &str = include_str!("sql/questions.sql");

/// Endpoints whose deliveries the log holds.
const ENDPOINTS: usize = 10;

/// Fills the log, asks each question twice, and tells of the second answer.
pub(crate) async fn questions(world: &World) -> Result<(), Failed> {
    let kind = world.walhook(ENDPOINTS);
    let site = world.site(1).await?;
    kind.prepare(&site, &world.sink).await?;
    // The daemon registers its endpoints when it first runs.
    let mut consumer = kind.start(&site, &world.sink)?;
    consumer.streams(&site).await?;
    world.sink.reset(false);
    load(&site, 1).await?;
    world.sink.wait(1, PATIENCE).await;
    consumer.stop().await?;
    site.client.batch_execute(include_str!("sql/history_days.sql")).await?;
    fill_by_pieces(&site, include_str!("sql/fill_history.sql"), world.arguments.log_rows).await?;
    site.client.batch_execute("vacuum (analyze) walhook.attempt").await?;
    let failure = site.client.query_one(include_str!("sql/some_failure.sql"), &[]).await?;
    let (event, delivery): (String, String) = (failure.try_get(0)?, failure.try_get(1)?);
    let mut table = Table::new("questions", &["question", "ms", "planning ms", "pages"]);
    for (name, question) in named() {
        let question = question
            .replace(":'event'", &format!("'{event}'"))
            .replace(":'delivery'", &format!("'{delivery}'"));
        ask(&site, &question).await?;
        let plan = ask(&site, &question).await?;
        let pages = plan["Plan"]["Shared Hit Blocks"].as_f64().unwrap_or_default()
            + plan["Plan"]["Shared Read Blocks"].as_f64().unwrap_or_default();
        table.row([
            name.to_owned(),
            fine(plan["Execution Time"].as_f64().unwrap_or_default()),
            fine(plan["Planning Time"].as_f64().unwrap_or_default()),
            whole(pages),
        ]);
    }
    table.print();
    site.drop(&world.admin).await
}

/// Name and text of each question.
fn named() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut lines = QUESTIONS.lines().skip_while(|line| !line.is_empty()).skip(1);
    std::iter::from_fn(move || Some((lines.next()?.strip_prefix("-- ")?, lines.next()?)))
}

/// Asks, and leaves nothing behind.
async fn ask(site: &Site, question: &str) -> Result<Value, Failed> {
    site.client.batch_execute("begin").await?;
    let explain = format!("explain (analyze, buffers, format json) {question}");
    let plan: Value = site.client.query_one(&explain, &[]).await?.try_get(0)?;
    site.client.batch_execute("rollback").await?;
    Ok(plan[0].clone())
}
