//! PostgreSQL's text forms and the JSON they become (contract 3.1). Pure.

/// How a type's text becomes JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `t` or `f`.
    Bool,
    /// A JSON number as it stands: int2, int4, oid.
    Number,
    /// int8: string or number, by `[payload] int8`.
    Int8,
    /// numeric: always a string.
    Numeric,
    /// float4, float8: number; NaN and infinities as strings.
    Float,
    /// json, jsonb: verbatim.
    Json,
    /// timestamptz: RFC 3339, UTC.
    TimestampTz,
    /// timestamp without time zone.
    Timestamp,
    /// bytea: base64.
    Bytea,
    /// An array of elements of one kind, with its delimiter (`,`, or `;` for box).
    Array(Box<Kind>, u8),
    /// Everything else: the text as a JSON string.
    Text,
}
