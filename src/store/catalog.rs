//! What pgoutput does not say of tables and types, asked of the catalog.
//!
//! The catalog answers as of now, the WAL speaks as of then: whatever is gone or renamed
//! meanwhile is simply missing from the answer.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::sql;

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
    /// Names and `pg_attribute.attnum` of its columns.
    pub columns: Vec<(String, i16)>,
    /// `attnum` of the primary key's columns.
    pub primary_key: Vec<i16>,
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
    /// Nothing else: base types, enums, ranges, composites.
    Plain,
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

fn relation_facts(row: &Row) -> Result<RelationFacts, tokio_postgres::Error> {
    let names: Vec<String> = row.try_get("column_names")?;
    let numbers: Vec<i16> = row.try_get("column_numbers")?;
    Ok(RelationFacts {
        oid: row.try_get("oid")?,
        columns: names.into_iter().zip(numbers).collect(),
        primary_key: row.try_get("primary_key")?,
    })
}

fn type_facts(row: &Row) -> Result<TypeFacts, tokio_postgres::Error> {
    let base: Option<u32> = row.try_get("base")?;
    let element: Option<u32> = row.try_get("element")?;
    let delimiter: Option<i8> = row.try_get("delimiter")?;
    let form = match (base, element) {
        (Some(base), _) => TypeForm::Domain { base },
        (None, Some(element)) => {
            TypeForm::Array { element, delimiter: delimiter.map_or(b',', i8::cast_unsigned) }
        }
        (None, None) => TypeForm::Plain,
    };
    Ok(TypeFacts { oid: row.try_get("oid")?, form })
}
