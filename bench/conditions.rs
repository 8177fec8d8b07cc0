//! What a condition costs: judged over one row, again and again. Needs no PostgreSQL.

use std::hint::black_box;
use std::time::Instant;

use walhook::condition::{Condition, Side};
use walhook::predicate::{Columns, Field, Judgement, Predicate, Row};
use walhook::value::{Declared, Nature, TextOrder};

use crate::Failed;
use crate::table::{Table, fine};

const ROUNDS: u32 = 5_000_000;

/// `pg_type.oid` of each column, and its text before and after.
const COLUMNS: [(&str, u32, &str, &str); 4] = [
    ("id", 20, "4711", "4711"),
    ("status", 25, "open", "paid"),
    ("quantity", 23, "12", "7"),
    ("total", 1700, "1234.50", "1234.50"),
];

const CONDITIONS: [&str; 6] = [
    "new.status = 'paid'",
    "old.status <> new.status",
    "new.quantity < 10 and old.quantity >= 10",
    "new.total > 1000",
    "new.status in ('paid', 'shipped', 'lost') and new.total between 99.5 and 2000",
    "event = 'updated' and old.status is distinct from new.status and new.status like 'p%'",
];

struct Changed;

impl<'a> Row<'a> for Changed {
    fn field(&self, side: Side, column: usize) -> Field<'a> {
        let (_, _, old, new) = black_box(COLUMNS[column]);
        Field::Text(if side == Side::Old { old } else { new }.as_bytes())
    }

    fn event(&self) -> &'static str {
        "updated"
    }
}

/// Nanoseconds for each condition.
pub(crate) fn conditions() -> Result<(), Failed> {
    let declared = COLUMNS.map(|(name, type_oid, ..)| {
        let (collation, order) = match type_oid {
            25 => (100, TextOrder::Equality),
            _ => (0, TextOrder::default()),
        };
        (name, Declared { type_oid, nature: Nature::Plain, collation, order })
    });
    let columns = Columns { columns: &declared, order: TextOrder::Equality };
    let mut table = Table::new("Conditions", &["condition", "ns a row"]);
    for text in CONDITIONS {
        let predicate = Predicate::bind(&text.parse::<Condition>()?, columns)?;
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            if black_box(&predicate).judge(&Changed) != Judgement::True {
                return Err(format!("{text} is not true").into());
            }
        }
        let nanoseconds = begun.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS);
        table.row([format!("`{text}`"), fine(nanoseconds)]);
    }
    table.print();
    Ok(())
}
