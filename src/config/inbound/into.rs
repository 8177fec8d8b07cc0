//! `[inbound.sources.X.into]`: a business table that events are written to. Whether it is there
//! with these columns, only the database can say.

use super::super::filter::checked_glob;
use super::super::identifier::{self, TableName};
use super::super::reader::Problem;
use super::super::value::Value;
use super::grammar::read_path;
use super::scheme::TimestampUnit;
use super::{Column, Mapping, OnConflict};

/// PostgreSQL's limit.
const MOST_COLUMNS: usize = 1600;
const MOST_TYPES: usize = 1000;
const LONGEST_SQL_BYTES: usize = 16 * 1024;

const UNITS: [(&str, TimestampUnit); 2] =
    [("unix", TimestampUnit::Seconds), ("unix_ms", TimestampUnit::Milliseconds)];
const ON_CONFLICT: [(&str, OnConflict); 2] =
    [("nothing", OnConflict::Nothing), ("update", OnConflict::Update)];

/// Reads `into`.
pub(super) fn read(value: &Value<'_>) -> Option<Mapping> {
    value.table(|table| {
        let name: Option<TableName> =
            table.required("table", "table = \"public.charges\"", identifier::table_name);
        let columns = table.required("columns", "columns = { id = \"data.id\" }", read_columns);
        let types = table.read(
            "types",
            |value| value.list(MOST_TYPES, |glob| checked_glob(glob, "charge.*")),
            Vec::new(),
        );
        let conflict =
            table.optional("conflict", |value| value.list(MOST_COLUMNS, read_column_name));
        let faulty = table.has("conflict") && conflict.is_none();
        let conflict = conflict.unwrap_or_default();
        let on_conflict =
            table.read("on_conflict", |value| value.one_of(&ON_CONFLICT), OnConflict::Nothing);
        if on_conflict == OnConflict::Update && conflict.is_empty() && !faulty {
            let problem = "`on_conflict = \"update\"` needs the columns that rows are found by";
            let fix = "conflict = [\"…\"], the columns of a unique constraint";
            return table.refuse_at("on_conflict", Problem::new(problem, fix));
        }
        Some(Mapping { table: name?, columns: columns?, types, conflict, on_conflict })
    })
}

fn read_columns(value: &Value<'_>) -> Option<Vec<(String, Column)>> {
    value.table(|table| {
        let read: Vec<Option<(String, Column)>> = table
            .members()
            .map(|(name, value)| {
                let named = check_column_name(name, &value);
                let column = read_column(&value);
                named.and(column).map(|column| (name.to_owned(), column))
            })
            .collect();
        let columns: Vec<(String, Column)> = read.into_iter().collect::<Option<_>>()?;
        match columns.len() {
            1..=MOST_COLUMNS => Some(columns),
            _ => table.value().refuse(
                Problem::new("no columns, or too many", "columns = { id = \"data.id\" }")
                    .allowed(format!("1 to {MOST_COLUMNS}")),
            ),
        }
    })
}

fn read_column(value: &Value<'_>) -> Option<Column> {
    if !value.is_table() {
        return read_path(value).map(Column::Path);
    }
    value.table(|table| {
        let path = table.optional("path", read_path);
        let unit = table.optional("as", |value| value.one_of(&UNITS));
        let constant = table.optional("value", |value| value.scalar());
        let sql = table.optional("sql", read_sql);
        let given: Vec<&str> =
            ["path", "value", "sql"].into_iter().filter(|key| table.has(key)).collect();
        if given.len() != 1 {
            let fix =
                "write \"path.in.json\", { path = …, as = \"unix\" }, { value = … } or { sql = … }";
            return table
                .value()
                .refuse(Problem::new("a column takes one of path, value and sql", fix));
        }
        if table.has("as") && given != ["path"] {
            let problem = "`as` says how the value at a path is written";
            return table.refuse_at("as", Problem::new(problem, "leave `as` out"));
        }
        match (path, table.has("as"), unit) {
            (Some(path), true, unit) => Some(Column::Unix(path, unit?)),
            (Some(path), false, _) => Some(Column::Path(path)),
            (None, ..) => constant.map(Column::Value).or(sql.map(Column::Sql)),
        }
    })
}

fn read_sql(value: &Value<'_>) -> Option<String> {
    let sql = value.word()?;
    match sql.len() <= LONGEST_SQL_BYTES && !sql.contains('\0') {
        true => Some(sql),
        false => value.refuse(
            Problem::new("the expression is too long", "call a function of your own in it")
                .allowed(format!("at most {LONGEST_SQL_BYTES} bytes")),
        ),
    }
}

fn read_column_name(value: &Value<'_>) -> Option<String> {
    let name = value.word()?;
    check_column_name(&name, value)?;
    Some(name)
}

fn check_column_name(name: &str, value: &Value<'_>) -> Option<()> {
    match identifier::fits(name) && !name.contains('\0') {
        true => Some(()),
        false => value.refuse_key(
            Problem::new("not a column's name", "write it as the table has it, without quotes")
                .allowed("1 to 63 bytes"),
        ),
    }
}
