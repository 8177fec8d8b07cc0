//! What constructs are called that no condition may have.

use sqlparser::ast::{Expr, UnaryOperator, Value};

/// The construct's name, as a user would call it.
pub(super) fn of(expression: &Expr) -> &'static str {
    match expression {
        Expr::Case { .. } => "case",
        Expr::Subquery(_) | Expr::Exists { .. } => "a subquery",
        Expr::AnyOp { .. } => "any (…)",
        Expr::AllOp { .. } => "all (…)",
        Expr::SimilarTo { .. } => "similar to",
        Expr::RLike { .. } => "a regular expression",
        Expr::AtTimeZone { .. } => "at time zone",
        Expr::Extract { .. } => "extract",
        Expr::Ceil { .. } => "ceil",
        Expr::Floor { .. } => "floor",
        Expr::Position { .. } => "position",
        Expr::Substring { .. } => "substring",
        Expr::Trim { .. } => "trim",
        Expr::Overlay { .. } => "overlay",
        Expr::Array(_) => "an array",
        Expr::Tuple(_) | Expr::Struct { .. } => "a row",
        Expr::Interval(_) => "interval",
        Expr::IsJson { .. } => "is json",
        Expr::IsNormalized { .. } => "is normalized",
        Expr::CompoundFieldAccess { .. } | Expr::JsonAccess { .. } => "a subscript or field access",
        Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => "*",
        Expr::UnaryOp { op, .. } => of_unary(*op),
        Expr::Value(value) => of_value(&value.value),
        Expr::Prefixed { .. } => "a literal with a prefix",
        Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) => "grouping",
        Expr::Lambda(_) => "an arrow function",
        Expr::Named { .. } => "a name for an expression",
        _ => "this construct",
    }
}

fn of_unary(operator: UnaryOperator) -> &'static str {
    match operator {
        UnaryOperator::PGAbs => "@",
        UnaryOperator::PGSquareRoot => "|/",
        UnaryOperator::PGCubeRoot => "||/",
        UnaryOperator::BitwiseNot => "~",
        UnaryOperator::PGPrefixFactorial => "!!",
        _ => "this operator",
    }
}

fn of_value(value: &Value) -> &'static str {
    match value {
        Value::Placeholder(_) => "a parameter",
        Value::DollarQuotedString(_) => "a dollar-quoted text",
        Value::EscapedStringLiteral(_) => "a text e'…'",
        Value::UnicodeStringLiteral(_) => "a text U&'…'",
        Value::NationalStringLiteral(_) => "a text n'…'",
        Value::HexStringLiteral(_) | Value::SingleQuotedByteStringLiteral(_) => "a bit string",
        _ => "this literal",
    }
}
