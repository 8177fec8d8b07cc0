//! What pgoutput does not say of tables and types, asked of the catalog.
//!
//! The catalog answers as of now, the WAL speaks as of then: whatever is gone or renamed
//! meanwhile is simply missing from the answer.

use std::collections::HashMap;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::sql;
use crate::value::{Declared, Kind, Nature, TextOrder};

/// Domains over domains over arrays … deeper than this are passed through as text, so that what
/// reads their values need not recurse further.
pub const DEPTH_LIMIT: u8 = 16;

/// The oids to ask about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Tables.
    pub relations: Vec<u32>,
    /// Types.
    pub types: Vec<u32>,
}

/// What the catalog says now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Of the tables in question, those that exist.
    pub relations: Vec<RelationFacts>,
    /// Of the types in question, and of those they are made of, those that exist.
    pub types: Vec<TypeFacts>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationFacts {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its columns, in order.
    pub columns: Vec<ColumnFacts>,
    /// What is known of the database's own collation.
    pub database_order: TextOrder,
    /// `attnum` of the primary key's columns.
    pub primary_key: Vec<i16>,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Name, unquoted.
    pub name: String,
    /// `pg_attribute.attnum`.
    pub attnum: i16,
    /// `pg_attribute.atttypid`.
    pub type_oid: u32,
    /// `pg_attribute.attcollation`.
    pub collation: u32,
    /// What is known of that collation.
    pub order: TextOrder,
    /// Whether pgoutput can have it: before PostgreSQL 18 never a generated one.
    pub is_published: bool,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeFacts {
    /// `pg_type.oid`.
    pub oid: u32,
    /// What it is made of.
    pub form: TypeForm,
}

/// What a type is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeForm {
    /// Nothing else: base types, ranges.
    Plain,
    /// An enum.
    Enum,
    /// A row type.
    Composite,
    /// A domain over another type.
    Domain {
        /// That type.
        base: u32,
    },
    /// An array.
    Array {
        /// Type of its elements.
        element: u32,
        /// What stands between them.
        delimiter: u8,
    },
}

/// What lies beneath the domains over a type, of which `forms` tells what is not built in.
pub fn beneath(type_oid: u32, forms: &HashMap<u32, TypeForm>) -> (u32, Nature) {
    let mut oid = type_oid;
    for _ in 0..DEPTH_LIMIT {
        match forms.get(&oid) {
            Some(TypeForm::Domain { base }) => oid = *base,
            Some(TypeForm::Enum) => return (oid, Nature::Enum),
            Some(TypeForm::Composite) => return (oid, Nature::Composite),
            Some(TypeForm::Plain | TypeForm::Array { .. }) => return (oid, Nature::Plain),
            // The catalog knows it no more, unless it is built in.
            None => return (Kind::of_oid(oid).map_or(0, |_| oid), Nature::Plain),
        }
    }
    (0, Nature::Plain)
}

/// The catalog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The statement failed.
    #[error("cannot read tables and types from the catalog")]
    Query(#[source] tokio_postgres::Error),
    /// The result is not of the shape expected.
    #[error("cannot understand what the catalog says of tables and types")]
    Shape(#[source] tokio_postgres::Error),
}

/// Asks about tables and types, in one round trip.
///
/// # Errors
/// [`CatalogError::Query`] if the connection or the statement fails; asking again is harmless.
pub async fn describe(client: &Client, question: &Question) -> Result<Answer, CatalogError> {
    // Typed, hence unnamed: no round trip to prepare what is rarely said.
    let of_relations: [(&(dyn ToSql + Sync), Type); 1] = [(&question.relations, Type::OID_ARRAY)];
    let of_types: [(&(dyn ToSql + Sync), Type); 1] = [(&question.types, Type::OID_ARRAY)];
    let (relations, types) = futures_util::future::try_join(
        client.query_typed(sql::catalog_relations, &of_relations),
        client.query_typed(sql::catalog_types, &of_types),
    )
    .await
    .map_err(CatalogError::Query)?;
    let answer = || {
        Ok(Answer {
            relations: relations.iter().map(relation_facts).collect::<Result<_, _>>()?,
            types: types.iter().map(type_facts).collect::<Result<_, _>>()?,
        })
    };
    answer().map_err(CatalogError::Shape)
}

/// Asks about tables, and what the types of their columns are beneath domains.
///
/// # Errors
/// As [`describe`].
pub async fn declare(
    client: &Client,
    relations: &[u32],
) -> Result<Vec<(RelationFacts, Vec<Declared>)>, CatalogError> {
    let question = Question { relations: relations.to_vec(), types: Vec::new() };
    let answer = describe(client, &question).await?;
    let of_columns = answer.relations.iter().flat_map(|facts| &facts.columns);
    let unknown =
        of_columns.map(|column| column.type_oid).filter(|oid| Kind::of_oid(*oid).is_none());
    let question = Question { relations: Vec::new(), types: unknown.collect() };
    let types = describe(client, &question).await?.types;
    let forms = types.iter().map(|fact| (fact.oid, fact.form)).collect();
    let declared = |column: &ColumnFacts| {
        let (type_oid, nature) = beneath(column.type_oid, &forms);
        Declared { type_oid, nature, collation: column.collation, order: column.order }
    };
    let with_columns = answer.relations.into_iter().map(|facts| {
        let columns = facts.columns.iter().map(declared).collect();
        (facts, columns)
    });
    Ok(with_columns.collect())
}

fn relation_facts(row: &Row) -> Result<RelationFacts, tokio_postgres::Error> {
    let names: Vec<String> = row.try_get("column_names")?;
    let numbers: Vec<i16> = row.try_get("column_numbers")?;
    let types: Vec<u32> = row.try_get("column_types")?;
    let collations: Vec<u32> = row.try_get("column_collations")?;
    let orders: Vec<String> = row.try_get("column_orders")?;
    let published: Vec<bool> = row.try_get("column_published")?;
    let database_order: Option<String> = row.try_get("database_order")?;
    let named = names.into_iter().zip(numbers).zip(published);
    let columns = named.zip(types).zip(collations.into_iter().zip(orders));
    let columns =
        columns.map(|((((name, attnum), is_published), type_oid), (collation, order))| {
            let order = TextOrder::of_word(&order);
            ColumnFacts { name, attnum, type_oid, collation, order, is_published }
        });
    Ok(RelationFacts {
        oid: row.try_get("oid")?,
        columns: columns.collect(),
        database_order: database_order.as_deref().map(TextOrder::of_word).unwrap_or_default(),
        primary_key: row.try_get("primary_key")?,
    })
}

fn type_facts(row: &Row) -> Result<TypeFacts, tokio_postgres::Error> {
    let base: Option<u32> = row.try_get("base")?;
    let element: Option<u32> = row.try_get("element")?;
    let delimiter: Option<i8> = row.try_get("delimiter")?;
    let is_enum: bool = row.try_get("is_enum")?;
    let is_composite: bool = row.try_get("is_composite")?;
    let form = match (base, element) {
        (Some(base), _) => TypeForm::Domain { base },
        (None, Some(element)) => {
            TypeForm::Array { element, delimiter: delimiter.map_or(b',', i8::cast_unsigned) }
        }
        (None, None) if is_enum => TypeForm::Enum,
        (None, None) if is_composite => TypeForm::Composite,
        (None, None) => TypeForm::Plain,
    };
    Ok(TypeFacts { oid: row.try_get("oid")?, form })
}
