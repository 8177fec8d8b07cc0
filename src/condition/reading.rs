//! From sqlparser's tree to ours. Everything that is not on the list is refused by its name.

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, InTarget, ObjectName, ObjectNamePart, TypedString, UnaryOperator, Value,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::ConditionError;
use super::expression::{
    Case, Comparison, Expression, Function, Is, Literal, Operator, Shape, Side, Target,
};
use super::names;

/// Deepest nesting, chains of operators included. Whoever walks the tree may recurse.
const DEEPEST: usize = 64;

/// PostgreSQL cuts longer names off.
const LONGEST_NAME: usize = 63;

const LISTED: &str = "use what conditions have: literals, columns, comparisons, and/or/not, is, in, \
     between, like, + - * / %, casts, coalesce, lower, upper, length, abs, ->, ->>, collate \"C\"";

type Read<T> = Result<T, ConditionError>;

/// Reads a whole text.
pub(super) fn read(text: &str) -> Read<Expression> {
    if text.trim().is_empty() {
        return refuse("an empty condition", "leave it out, or write true");
    }
    let unreadable = |error: ParserError| match error {
        ParserError::RecursionLimitExceeded => too_deep(),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            ConditionError {
                problem: format!("not SQL: {}", in_our_words(&message)),
                fix: "write an expression as in new.status = 'paid' and new.total > 100".to_owned(),
            }
        }
    };
    let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).map_err(unreadable)?;
    let parsed = parser.parse_expr().map_err(unreadable)?;
    match parser.peek_token().token {
        Token::EOF => expression(&parsed, DEEPEST),
        rest => refuse(
            format!("`{rest}` after the end of the expression"),
            "write one boolean expression and nothing after it",
        ),
    }
}

fn in_our_words(message: &str) -> String {
    let mut message = message.to_owned();
    if let Some(first) = message.get_mut(0..1) {
        first.make_ascii_lowercase();
    }
    message
}

fn refuse<T>(problem: impl Into<String>, fix: impl Into<String>) -> Read<T> {
    Err(ConditionError { problem: problem.into(), fix: fix.into() })
}

fn unsupported<T>(name: impl std::fmt::Display) -> Read<T> {
    refuse(format!("{name} is not supported in conditions"), LISTED)
}

fn too_deep() -> ConditionError {
    ConditionError {
        problem: format!("the condition is nested deeper than {DEEPEST}"),
        fix: "write lists as x in (…), and less inside of each other".to_owned(),
    }
}

fn expression(parsed: &Expr, depth: usize) -> Read<Expression> {
    let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
    let boxed = |parsed: &Expr| Ok(Box::new(expression(parsed, depth)?));
    let pair = |left: &Expr, right: &Expr| {
        Ok(Box::new([expression(left, depth)?, expression(right, depth)?]))
    };
    let is = |inner: &Expr, is, negated| Ok(Expression::Is(boxed(inner)?, is, negated));
    match parsed {
        Expr::Nested(inner) => expression(inner, depth),
        Expr::Value(value) => literal(&value.value).map(Expression::Literal),
        Expr::Identifier(name) => bare(name),
        Expr::CompoundIdentifier(names) => column(names),
        Expr::IsNull(inner) => is(inner, Is::Null, false),
        Expr::IsNotNull(inner) => is(inner, Is::Null, true),
        Expr::IsTrue(inner) => is(inner, Is::True, false),
        Expr::IsNotTrue(inner) => is(inner, Is::True, true),
        Expr::IsFalse(inner) => is(inner, Is::False, false),
        Expr::IsNotFalse(inner) => is(inner, Is::False, true),
        Expr::IsUnknown(inner) => is(inner, Is::Unknown, false),
        Expr::IsNotUnknown(inner) => is(inner, Is::Unknown, true),
        Expr::IsDistinctFrom(a, b) => Ok(Expression::Distinct(pair(a, b)?, false)),
        Expr::IsNotDistinctFrom(a, b) => Ok(Expression::Distinct(pair(a, b)?, true)),
        Expr::In { expr, target: InTarget::List(list), negated, global: false } => {
            let list = list.iter().map(|item| expression(item, depth)).collect::<Read<Vec<_>>>()?;
            match list.is_empty() {
                true => refuse("an empty list after in", "name at least one value"),
                false => Ok(Expression::In(boxed(expr)?, list, *negated)),
            }
        }
        Expr::In { .. } => unsupported("in (subquery)"),
        Expr::Between { expr, negated, low, high } => {
            let parts =
                [expression(expr, depth)?, expression(low, depth)?, expression(high, depth)?];
            Ok(Expression::Between(Box::new(parts), *negated))
        }
        Expr::Like { any: true, .. } | Expr::ILike { any: true, .. } => unsupported("like any"),
        Expr::Like { escape_char: Some(_), .. } | Expr::ILike { escape_char: Some(_), .. } => {
            refuse("escape is not supported in conditions", "escape with \\ in the pattern")
        }
        Expr::Like { negated, expr, pattern, .. } => {
            Ok(Expression::Like(pair(expr, pattern)?, Case::Sensitive, *negated))
        }
        Expr::ILike { negated, expr, pattern, .. } => {
            Ok(Expression::Like(pair(expr, pattern)?, Case::Insensitive, *negated))
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(Expression::Not(boxed(expr)?)),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => expression(expr, depth),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => expression(expr, depth).map(negate),
        Expr::BinaryOp { left, op, right } => binary(parsed, (left, op, right), depth),
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr,
            data_type,
            format: None,
        } => Ok(Expression::Cast(boxed(expr)?, target(data_type)?)),
        Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false }) => {
            let literal = Expression::Literal(literal(&value.value)?);
            Ok(Expression::Cast(Box::new(literal), target(data_type)?))
        }
        Expr::Collate { expr, collation } => match is_c(collation) {
            true => Ok(Expression::CollateC(boxed(expr)?)),
            false => refuse(
                format!("collate {collation} is not supported in conditions"),
                "write collate \"C\", with the quotes",
            ),
        },
        Expr::Function(function) => call(function, depth),
        other => unsupported(names::of(other)),
    }
}

fn literal(value: &Value) -> Read<Literal> {
    let is_plain = |text: &str| {
        text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
            && text.bytes().any(|b| b.is_ascii_digit())
    };
    match value {
        Value::Null => Ok(Literal::Null),
        Value::Boolean(value) => Ok(Literal::Boolean(*value)),
        Value::Number(text, false) if is_plain(text) => Ok(Literal::Number(text.clone())),
        Value::Number(text, _) => refuse(
            format!("the number {text} is not supported in conditions"),
            "write decimal digits, without underscores",
        ),
        Value::SingleQuotedString(text) if text.contains('\0') => {
            refuse("a text with a NUL byte", "leave the byte out; no text of PostgreSQL has it")
        }
        Value::SingleQuotedString(text) => Ok(Literal::Text(text.clone())),
        other => {
            let name = names::of(&Expr::Value(other.clone().into()));
            refuse(format!("{name} is not supported in conditions"), "write a text as 'text'")
        }
    }
}

/// The sign of a number belongs to it: -2147483648 is an integer, 2147483648 is none.
fn negate(inner: Expression) -> Expression {
    match inner {
        Expression::Literal(Literal::Number(text)) => {
            let negated = match text.strip_prefix('-') {
                Some(positive) => positive.to_owned(),
                None => format!("-{text}"),
            };
            Expression::Literal(Literal::Number(negated))
        }
        other => Expression::Negate(Box::new(other)),
    }
}

/// A name as PostgreSQL reads it.
fn folded(name: &Ident) -> Read<String> {
    let text = match name.quote_style {
        None => name.value.to_ascii_lowercase(),
        Some('"') => name.value.clone(),
        Some(_) => return unsupported("this way of quoting a name"),
    };
    match text.len() <= LONGEST_NAME && !text.contains('\0') {
        true => Ok(text),
        false => refuse(
            "a name longer than 63 bytes",
            "write it as PostgreSQL keeps it, which is its first 63 bytes",
        ),
    }
}

fn bare(name: &Ident) -> Read<Expression> {
    match folded(name)?.as_str() {
        "event" => Ok(Expression::Event),
        row @ ("new" | "old") => refuse(
            format!("the whole row {row} is not supported in conditions"),
            format!("name a column as in {row}.id, or compare event"),
        ),
        word if name.quote_style.is_none()
            && ["current_date", "current_time", "current_timestamp", "current_user"]
                .contains(&word) =>
        {
            unsupported(word)
        }
        column => refuse(
            format!("{column} without the row that it is of"),
            format!("write new.{column} or old.{column}"),
        ),
    }
}

fn column(names: &[Ident]) -> Read<Expression> {
    let names = names.iter().map(folded).collect::<Read<Vec<_>>>()?;
    match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["new", column] => Ok(Expression::Column(Side::New, (*column).to_owned())),
        ["old", column] => Ok(Expression::Column(Side::Old, (*column).to_owned())),
        [.., column] => refuse(
            format!("{} is not a column of new or old", names.join(".")),
            format!("write new.{column} or old.{column}"),
        ),
        [] => unsupported("a name without a name"),
    }
}

fn binary(
    parsed: &Expr,
    (left, op, right): (&Expr, &BinaryOperator, &Expr),
    depth: usize,
) -> Read<Expression> {
    let pair = || -> Read<Box<[Expression; 2]>> {
        Ok(Box::new([expression(left, depth)?, expression(right, depth)?]))
    };
    let compare = |comparison| {
        if is_comparison(left) || is_comparison(right) {
            return refuse(
                "a comparison of a comparison",
                "put one of them in parentheses, as PostgreSQL wants it",
            );
        }
        Ok(Expression::Compare(comparison, pair()?))
    };
    let arithmetic = |operator| Ok(Expression::Arithmetic(operator, pair()?));
    match op {
        BinaryOperator::And => chain(parsed, depth).map(Expression::And),
        BinaryOperator::Or => chain(parsed, depth).map(Expression::Or),
        BinaryOperator::Eq => compare(Comparison::Equal),
        BinaryOperator::NotEq => compare(Comparison::NotEqual),
        BinaryOperator::Lt => compare(Comparison::Less),
        BinaryOperator::LtEq => compare(Comparison::LessOrEqual),
        BinaryOperator::Gt => compare(Comparison::Greater),
        BinaryOperator::GtEq => compare(Comparison::GreaterOrEqual),
        BinaryOperator::Plus => arithmetic(Operator::Add),
        BinaryOperator::Minus => arithmetic(Operator::Subtract),
        BinaryOperator::Multiply => arithmetic(Operator::Multiply),
        BinaryOperator::Divide => arithmetic(Operator::Divide),
        BinaryOperator::Modulo => arithmetic(Operator::Modulo),
        BinaryOperator::Arrow => Ok(Expression::Member(pair()?, Shape::Document)),
        BinaryOperator::LongArrow => Ok(Expression::Member(pair()?, Shape::Text)),
        BinaryOperator::StringConcat => unsupported("||"),
        other => unsupported(format!("the operator {other}")),
    }
}

fn is_comparison(parsed: &Expr) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(parsed, Expr::BinaryOp { op: Eq | NotEq | Lt | LtEq | Gt | GtEq, .. })
}

/// The operands of `a and b and c`, which the parser gives as a tree that leans to the left and
/// may be as deep as the text is long.
fn chain(parsed: &Expr, depth: usize) -> Read<Vec<Expression>> {
    let Expr::BinaryOp { op: wanted, .. } = parsed else { return Ok(Vec::new()) };
    let mut operands = Vec::new();
    let mut rest = parsed;
    while let Expr::BinaryOp { left, op, right } = rest
        && op == wanted
    {
        operands.push(expression(right, depth)?);
        rest = left;
    }
    operands.push(expression(rest, depth)?);
    operands.reverse();
    Ok(operands)
}

fn target(data_type: &DataType) -> Read<Target> {
    // Its own text is easier to match than its many variants of the same.
    let name = data_type.to_string().to_ascii_lowercase();
    Ok(match name.as_str() {
        "boolean" | "bool" => Target::Bool,
        "smallint" | "int2" => Target::Int2,
        "int" | "integer" | "int4" => Target::Int4,
        "bigint" | "int8" => Target::Int8,
        "numeric" | "decimal" | "dec" => Target::Numeric,
        "real" | "float4" => Target::Float4,
        "double precision" | "float8" | "float" => Target::Float8,
        "text" => Target::Text,
        "varchar" | "character varying" | "char varying" => Target::Varchar,
        "date" => Target::Date,
        "time" | "time without time zone" => Target::Time,
        "timestamp" | "timestamp without time zone" => Target::Timestamp,
        "timestamptz" | "timestamp with time zone" => Target::TimestampTz,
        "uuid" => Target::Uuid,
        "json" => Target::Json,
        "jsonb" => Target::Jsonb,
        with_length if with_length.contains('(') => {
            return refuse(
                format!("a cast to {with_length}, with a length or precision, is not supported"),
                "cast to the type without it",
            );
        }
        _ => {
            return refuse(
                format!("a cast to {name} is not supported in conditions"),
                "cast to bool, int2, int4, int8, numeric, float4, float8, text, varchar, date, \
                 time, timestamp, timestamptz, uuid, json or jsonb",
            );
        }
    })
}

fn is_c(collation: &ObjectName) -> bool {
    let names: Vec<Option<&Ident>> =
        collation.0.iter().map(|part| ObjectNamePart::as_ident(part)).collect();
    let is = |name: Option<&Ident>, text: &str| {
        name.is_some_and(|name| folded(name).is_ok_and(|folded| folded == text))
    };
    match names.as_slice() {
        [name] => is(*name, "C"),
        [schema, name] => is(*schema, "pg_catalog") && is(*name, "C"),
        _ => false,
    }
}

fn call(function: &sqlparser::ast::Function, depth: usize) -> Read<Expression> {
    let name = function.name.to_string().to_ascii_lowercase();
    let known = match name.as_str() {
        "lower" => Some(Function::Lower),
        "upper" => Some(Function::Upper),
        "length" => Some(Function::Length),
        "abs" => Some(Function::Abs),
        "coalesce" => None,
        _ => return unsupported(format!("the function {name}")),
    };
    let is_plain = function.over.is_none()
        && function.filter.is_none()
        && function.null_treatment.is_none()
        && function.within_group.is_empty()
        && matches!(function.parameters, FunctionArguments::None);
    let FunctionArguments::List(list) = &function.args else {
        return unsupported(format!("{name} without a list of arguments"));
    };
    if !is_plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return unsupported(format!("a clause in the call of {name}"));
    }
    let argument = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) => expression(inner, depth),
        _ => unsupported(format!("such an argument of {name}")),
    };
    let mut arguments = list.args.iter().map(argument).collect::<Read<Vec<_>>>()?;
    match (known, arguments.len()) {
        (None, 1..) => Ok(Expression::Coalesce(arguments)),
        (Some(function), 1) => Ok(Expression::Call(function, Box::new(arguments.remove(0)))),
        (_, count) => refuse(
            format!("{name} with {count} arguments"),
            if known.is_some() { "give it one" } else { "give it at least one" },
        ),
    }
}
