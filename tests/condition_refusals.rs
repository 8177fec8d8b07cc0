//! What no condition may hold, each refused by its name; and what does not fit a table.

#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute, not their helpers")]

use walhook::condition::Condition;
use walhook::predicate::{Columns, Predicate};
use walhook::value::{Declared, Nature, TextOrder};

#[test]
fn every_construct_that_is_not_supported_is_refused_by_its_name() {
    for (text, name) in [
        ("", "an empty condition"),
        ("  ", "an empty condition"),
        ("case when new.a then true end", "case"),
        ("exists (select 1)", "a subquery"),
        ("(select true)", "a subquery"),
        ("new.a in (select 1)", "in (subquery)"),
        ("new.a = any (array[1])", "any"),
        ("new.a = all (array[1])", "all"),
        ("new.a similar to 'x'", "similar to"),
        ("new.a ~ 'x'", "the operator ~"),
        ("new.a !~* 'x'", "the operator !~*"),
        ("new.a || 'x' = 'y'", "||"),
        ("new.a ^ 2 = 4", "the operator ^"),
        ("new.a & 1 = 1", "the operator &"),
        ("new.j #> '{a}' is null", "the operator #>"),
        ("new.j #>> '{a}' = 'x'", "the operator #>>"),
        ("new.j @> '{}'", "the operator @>"),
        ("new.j ? 'a'", "the operator ?"),
        ("new.a like 'x' escape '!'", "escape"),
        ("new.t at time zone 'UTC' is null", "at time zone"),
        ("extract(year from new.t) = 2026", "extract"),
        ("substring(new.a from 1) = 'x'", "substring"),
        ("trim(new.a) = 'x'", "trim"),
        ("position('x' in new.a) = 1", "position"),
        ("now() > new.t", "the function now"),
        ("current_date > new.d", "current_date"),
        ("nullif(new.a, 1) = 2", "the function nullif"),
        ("greatest(new.a, 1) = 2", "the function greatest"),
        ("pg_sleep(1) is null", "the function pg_sleep"),
        ("pg_catalog.lower(new.a) = 'x'", "the function pg_catalog.lower"),
        ("lower(new.a, 'x') = 'x'", "lower with 2 arguments"),
        ("coalesce() = 1", "coalesce with 0 arguments"),
        ("abs(distinct new.a) = 1", "a clause in the call of abs"),
        ("new.a::interval is null", "a cast to interval"),
        ("new.a::bytea is null", "a cast to bytea"),
        ("new.a::varchar(3) = 'x'", "a cast to varchar(3), with a length"),
        ("new.a::numeric(5,2) = 1", "with a length or precision"),
        ("new.a::public.mood = 'x'", "a cast to public.mood"),
        ("new.a[1] = 1", "a subscript or field access"),
        ("(new.a).b = 1", "a subscript or field access"),
        ("array[1] = new.a", "an array"),
        ("(new.a, new.b) = (1, 2)", "a row"),
        ("interval '1 day' is null", "interval"),
        ("new.a collate \"de_DE\" < 'x'", "collate \"de_DE\""),
        ("new.a collate c < 'x'", "collate c"),
        ("$1 = new.a", "a parameter"),
        ("e'x' = new.a", "a text e'…'"),
        ("$$x$$ = new.a", "a dollar-quoted text"),
        ("x'1f' = new.a", "a bit string"),
        ("new.a = 1 = true", "a comparison of a comparison"),
        ("new is null", "the whole row new"),
        ("old.* is null", "*"),
        ("status = 'x'", "status without the row that it is of"),
        ("orders.status = 'x'", "orders.status is not a column of new or old"),
        ("new.a = 1; drop table x", "`;` after the end of the expression"),
        ("new.a = 1 order by 1", "after the end of the expression"),
        ("new.a =", "not SQL"),
        ("'open", "not SQL"),
    ] {
        let refused = text.parse::<Condition>().err();
        let refused = refused.unwrap_or_else(|| panic!("{text} is taken"));
        assert!(refused.problem.contains(name), "{text}: {}", refused.problem);
        assert!(!refused.fix.is_empty());
    }
}

fn declared(type_oid: u32) -> Declared {
    Declared { type_oid, ..Declared::default() }
}

fn text(collation: u32, order: TextOrder) -> Declared {
    Declared { collation, order, ..declared(25) }
}

/// What binding says, for a table with a column of every kind.
fn bound(condition: &str) -> Result<(), String> {
    let columns = [
        ("i", declared(23)),
        ("n", declared(1700)),
        ("r", declared(700)),
        ("b", declared(16)),
        ("c", text(950, TextOrder::Plain)),
        ("u", text(12_000, TextOrder::Bytes)),
        ("d", text(100, TextOrder::Equality)),
        ("e", text(12_001, TextOrder::Equality)),
        ("x", text(12_002, TextOrder::None)),
        ("ch", Declared { collation: 950, order: TextOrder::Plain, ..declared(1042) }),
        ("day", declared(1082)),
        ("ts", declared(1114)),
        ("tz", declared(1184)),
        ("j", declared(114)),
        ("jb", declared(3802)),
        ("m", Declared { nature: Nature::Enum, ..declared(20_000) }),
        ("row", Declared { nature: Nature::Composite, ..declared(20_001) }),
        ("ip", declared(869)),
        ("lost", declared(0)),
    ];
    let condition: Condition = condition.parse().unwrap_or_else(|e| panic!("{condition}: {e}"));
    let columns = Columns { columns: &columns, order: TextOrder::Equality };
    Predicate::bind(&condition, columns).map(drop).map_err(|error| {
        assert!(!error.fix().is_empty());
        error.to_string()
    })
}

#[test]
fn what_could_come_out_otherwise_than_in_postgresql_is_refused_when_it_is_bound() {
    for (condition, said) in [
        ("new.gone = 1", "there is no column gone"),
        ("new.i", "the condition is integer, not boolean"),
        ("new.i = true", "a comparison of integer and boolean"),
        ("new.i = '1x'", "'1x' is no integer"),
        ("new.i = '99999999999'", "'99999999999' is no integer"),
        ("new.i / 0 = 1 or 1 / 0 = 1", "a part of the condition always raises"),
        ("new.r % 2 = 1", "% of real and integer"),
        ("new.d < 'x'", "the order of texts depends on a collation"),
        ("new.d between 'a' and 'b'", "the order of texts depends on a collation"),
        ("new.d ilike 'x'", "ilike depends on a collation"),
        ("lower(new.u) = 'x'", "case folding depends on a collation"),
        ("new.x = 'x'", "whether texts are equal depends on a collation"),
        ("new.x like 'x'", "like depends on a collation"),
        ("new.c < new.u", "the columns have different collations"),
        ("new.c = new.e", "the columns have different collations"),
        ("event < 'd'", "the order of texts depends on a collation"),
        ("new.ch = new.c", "a comparison of character(n) and text"),
        ("new.day = '1.2.2026'", "'1.2.2026' is not how conditions write a date"),
        ("new.day = 'today'", "'today' is not how conditions write a date"),
        ("new.tz > '2026-01-01 00:00:00'", "is not how conditions write a timestamptz"),
        ("new.tz > new.ts", "an order of timestamptz and timestamp"),
        ("new.day > new.ts", "an order of date and timestamp"),
        ("new.c::date > '2026-01-01'", "a cast from text to date"),
        ("new.ts::text = 'x'", "a cast from timestamp to text"),
        ("new.day + 1 > '2026-01-01'", "+ of date and integer"),
        ("new.m > 'a'", "an order of an enum"),
        ("new.jb > '1'", "an order of jsonb"),
        ("new.j = '1'", "a comparison of json"),
        ("(new.jb -> 'a')::int = 1", "a cast from jsonb to integer"),
        ("new.jb = '{\"a\": 1}'", "is not how conditions write a jsonb"),
        ("new.row is null", "is null of a row type"),
        ("new.lost is null", "is null of a row type"),
        ("new.ip = '10.0.0.1'", "a comparison of this type"),
        ("abs(new.c) = 1", "abs of text"),
        ("new.i and true", "and, or of integer and boolean"),
        ("new.i in (1, true)", "in (…) of integer and boolean"),
    ] {
        let refused = bound(condition).expect_err(condition);
        assert!(refused.contains(said), "{condition}: {refused}");
    }
}

#[test]
fn what_collations_leave_certain_is_taken() {
    for condition in [
        "new.d = 'x' and new.d like 'x%' and new.d in ('a', 'b')",
        "new.d collate \"C\" < 'x' and lower(new.d collate \"C\") = 'x'",
        "new.u < 'x' and new.c < 'x' and new.c ilike 'x' and new.ch ilike 'x'",
        "new.c = new.d and new.x is null and new.ip is not null",
        "new.x collate \"C\" = 'x'",
        "new.m = 'a' and new.m is distinct from old.m and new.m::text like 'a'",
        "new.jb is distinct from old.jb and new.jb ->> 'a' = 'x'",
        "event <> 'updated'",
    ] {
        assert_eq!(bound(condition), Ok(()), "{condition}");
    }
}
