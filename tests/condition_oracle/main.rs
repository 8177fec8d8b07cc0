//! Conditions against PostgreSQL: whatever walhook takes on, it judges as PostgreSQL does, for
//! thousands of random expressions over rows that are hard to agree on.

#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute, not their helpers")]

mod dice;
mod expressions;
mod sample;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use dice::Dice;
use support::pg::{Database, Pg};
use tokio_postgres::SimpleQueryMessage;
use walhook::condition::{Condition, ConditionError, Side};
use walhook::predicate::{Columns, Field, Judgement, Predicate, Row};
use walhook::value::{Declared, Nature, TextOrder};

const ROWS: usize = 60;
const PAIRS: usize = 90;
/// A minute's worth; `WALHOOK_EXPRESSIONS` and `WALHOOK_SEED` ask for more and for others.
const EXPRESSIONS: usize = 2_000;
/// Of so many expressions, one is asked again as walhook renders it for `check`.
const RENDERED: usize = 4;

/// As the replication session has it.
const SESSION: &str = "set client_encoding = 'UTF8'; set datestyle = 'ISO'; set timezone = 'UTC';
    set intervalstyle = 'iso_8601'; set extra_float_digits = 3; set client_min_messages = error";

/// Judges the condition $1 for every pair: t, f, n(ull) or e(rror) each; or says why not.
const ORACLE: &str = r"
create function oracle(condition text) returns text language plpgsql as $$
declare
    judged text := '';
    one    text;
    pair   integer;
    judge  text := format($f$
        select p.id, case when (%s)::boolean then 't' when not (%1$s)::boolean then 'f' else 'n' end as r
        from   pair as p
        left   join sample as new on new.id = p.new_id
        left   join sample as old on old.id = p.old_id
        cross  join lateral (select p.kind) as e (event) $f$, condition);
begin
    begin
        execute 'prepare judgement as ' || judge;
        execute 'deallocate judgement';
    exception when others then
        return '!' || sqlerrm;
    end;
    begin
        execute 'select string_agg(r, '''' order by id) from (' || judge || ') as j' into judged;
        return judged;
    exception when others then
        judged := '';
    end;
    for pair in select id from pair order by id loop
        begin
            execute judge || ' where p.id = $1' into pair, one using pair;
            judged := judged || one;
        exception when others then
            judged := judged || 'e';
        end;
    end loop;
    return judged;
end $$";

/// Columns of one row, as texts; none where there is no row.
type Cells = Option<Vec<Option<String>>>;

struct Pair {
    kind: &'static str,
    old: Cells,
    new: Cells,
}

impl<'a> Row<'a> for &'a Pair {
    fn field(&self, side: Side, column: usize) -> Field<'a> {
        let row = if side == Side::Old { &self.old } else { &self.new };
        let cell = row.as_ref().and_then(|row| row[column].as_ref());
        cell.map_or(Field::Null, |text| Field::Text(text.as_bytes()))
    }

    fn event(&self) -> &'static str {
        self.kind
    }
}

async fn texts(database: &Database) -> Vec<Vec<Option<String>>> {
    let rows = database.client().simple_query("select * from sample order by id").await.unwrap();
    let rows = rows.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
        }
        _ => None,
    });
    rows.collect()
}

async fn declared(database: &Database) -> Vec<(String, Declared)> {
    let columns = database
        .query(
            "select a.attname::text, coalesce(nullif(t.typbasetype, 0), t.oid), t.typtype = 'e', a.attcollation
             from pg_attribute a join pg_type t on t.oid = a.atttypid
             where a.attrelid = 'sample'::regclass and a.attnum > 0 order by a.attnum",
            &[],
        )
        .await;
    let columns = columns.iter().map(|row| {
        let collation: u32 = row.get(3);
        let declared = Declared {
            type_oid: row.get(1),
            nature: if row.get(2) { Nature::Enum } else { Nature::Plain },
            collation,
            // Of the database's own, only that it is deterministic.
            order: if collation == 100 { TextOrder::Equality } else { TextOrder::Plain },
        };
        (row.get(0), declared)
    });
    columns.collect()
}

async fn fill(database: &Database, dice: &mut Dice) -> Vec<Pair> {
    database.execute(SESSION).await;
    database.execute(&sample::schema()).await;
    database.execute(ORACLE).await;
    for id in 0..ROWS {
        database.execute(&sample::row(dice, id)).await;
    }
    let rows = texts(database).await;
    let mut pairs = Vec::new();
    for id in 0..PAIRS {
        let kind = dice.pick(&["created", "updated", "updated", "updated", "deleted"]);
        let old = (kind != "created").then(|| dice.below(ROWS));
        let new = (kind != "deleted")
            .then(|| if dice.one_in(6) { old } else { None })
            .map(|same| same.unwrap_or_else(|| dice.below(ROWS)));
        let sql = |row: Option<usize>| row.map_or("null".to_owned(), |row| row.to_string());
        let insert =
            format!("insert into pair values ({id}, '{kind}', {}, {})", sql(old), sql(new));
        database.execute(&insert).await;
        let cells = |row: Option<usize>| row.map(|row| rows[row].clone());
        pairs.push(Pair { kind, old: cells(old), new: cells(new) });
    }
    pairs
}

fn letter(judgement: Judgement) -> char {
    match judgement {
        Judgement::True => 't',
        Judgement::False => 'f',
        Judgement::Null => 'n',
        Judgement::Error(_) => 'e',
        Judgement::NotCarried => '?',
    }
}

#[tokio::test]
async fn whatever_is_taken_on_is_judged_as_postgresql_does() {
    let seed =
        std::env::var("WALHOOK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_116);
    let count = std::env::var("WALHOOK_EXPRESSIONS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(EXPRESSIONS);
    let mut dice = Dice(seed);
    let database = Pg::shared().database().await;
    let pairs = fill(&database, &mut dice).await;
    let declared = declared(&database).await;
    let columns: Vec<(&str, Declared)> =
        declared.iter().map(|(name, of)| (name.as_str(), *of)).collect();
    let columns = Columns { columns: &columns, order: TextOrder::Equality };
    let (mut judged, mut unlike) = (BTreeMap::<char, usize>::new(), Vec::new());
    let (mut taken, mut refused, mut theirs_only) = (0, BTreeMap::<String, usize>::new(), 0);
    while taken < count {
        let text = expressions::condition(&mut dice);
        let (rendered, predicate) = match taken_on(&text, columns) {
            Ok(taken_on) => taken_on,
            Err(reason) => {
                let reason = reason.split('\'').next().unwrap_or_default().to_owned();
                *refused.entry(reason).or_default() += 1;
                continue;
            }
        };
        let answer = database.query_one::<String>("select oracle($1)", &[&text]).await;
        if let Some(refusal) = answer.strip_prefix('!') {
            theirs_only += 1;
            if std::env::var_os("WALHOOK_SHOW").is_some() {
                println!("only PostgreSQL refuses: {text}: {refusal}");
            }
            continue;
        }
        taken += 1;
        assert_eq!(answer.len(), PAIRS, "{text}");
        if taken % RENDERED == 0 {
            let again = database.query_one::<String>("select oracle($1)", &[&rendered]).await;
            if again != answer {
                unlike.push(format!("{text}\n    rendered: {rendered}\n    {again}"));
            }
        }
        for (pair, theirs) in pairs.iter().zip(answer.chars()) {
            let ours = predicate.judge(&pair);
            *judged.entry(theirs).or_default() += 1;
            if letter(ours) != theirs {
                unlike.push(format!(
                    "{text}\n    PostgreSQL {theirs}, walhook {ours:?} for {}",
                    shown(pair, &text, &declared)
                ));
                break;
            }
        }
    }
    println!(
        "{taken} expressions over {PAIRS} pairs of {ROWS} rows: {judged:?} judgements, {} disagreements; \
         {theirs_only} refused by PostgreSQL alone, {} by walhook",
        unlike.len(),
        refused.values().sum::<usize>(),
    );
    if std::env::var_os("WALHOOK_SHOW").is_some() {
        println!("{refused:#?}");
    }
    assert!(
        unlike.is_empty(),
        "{}",
        unlike.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
    );
    assert!(judged.keys().eq(&['e', 'f', 'n', 't']), "every outcome is there: {judged:?}");
}

/// The condition as walhook renders it, and bound; or why not.
fn taken_on(text: &str, columns: Columns<'_>) -> Result<(String, Predicate), String> {
    let condition: Condition = text.parse().map_err(|error: ConditionError| error.to_string())?;
    let predicate = Predicate::bind(&condition, columns).map_err(|error| error.to_string())?;
    Ok((condition.to_sql(), predicate))
}

/// The columns that the condition names.
fn shown(pair: &Pair, text: &str, declared: &[(String, Declared)]) -> String {
    let text = text.to_lowercase();
    let mut shown = format!("event {}", pair.kind);
    for (side, row) in [("old", &pair.old), ("new", &pair.new)] {
        for (at, (name, _)) in declared.iter().enumerate() {
            if text.contains(&format!("{side}.{name}")) {
                let cell = row.as_ref().and_then(|row| row[at].as_ref());
                shown.push_str(&format!(" {side}.{name}={cell:?}"));
            }
        }
    }
    shown
}
