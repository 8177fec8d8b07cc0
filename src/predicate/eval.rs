//! A bound condition over one row. Three-valued, and a fourth: what the WAL does not carry.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::cast::{cast, in_range, without_padding};
use super::document::{self, Dialect};
use super::error::{EvalError, Stop};
use super::float::Width;
use super::like;
use super::node::{Class, Key, Node, Quantity, Test};
use super::numeric::Numeric;
use super::time::{self, Zone};
use super::types::Type;
use super::value::Value;
use super::{Field, Row};
use crate::condition::{Case, Comparison, Function, Operator, Shape};

type Evaluated<'a> = Result<Value<'a>, Stop>;

/// The value of `node` for `row`.
pub(super) fn evaluate<'a>(node: &'a Node, row: &impl Row<'a>) -> Evaluated<'a> {
    let pair = |sides: &'a [Node; 2]| -> Result<Option<(Value<'a>, Value<'a>)>, Stop> {
        let (left, right) = (evaluate(&sides[0], row)?, evaluate(&sides[1], row)?);
        Ok((!left.is_null() && !right.is_null()).then_some((left, right)))
    };
    match node {
        Node::Constant(constant) => Ok(constant.value()),
        Node::Event => Ok(Value::Text(Cow::Borrowed(row.event().as_bytes()))),
        Node::Column(side, column, of) => match row.field(*side, *column) {
            Field::Null => Ok(Value::Null),
            Field::NotCarried => Err(Stop::NotCarried),
            Field::Text(text) => read(text, *of),
        },
        Node::And(nodes) => connect(nodes.iter().map(|node| evaluate(node, row)), false),
        Node::Or(nodes) => connect(nodes.iter().map(|node| evaluate(node, row)), true),
        Node::Not(inner) => Ok(match evaluate(inner, row)? {
            Value::Bool(value) => Value::Bool(!value),
            other => other,
        }),
        Node::IsNull(inner, negated) => Ok(Value::Bool(is_null(inner, row)? != *negated)),
        Node::IsBool(inner, wanted, negated) => {
            let is = matches!(evaluate(inner, row)?, Value::Bool(value) if value == *wanted);
            Ok(Value::Bool(is != *negated))
        }
        Node::Compare(comparison, class, sides) => {
            both(sides, row, |left, right| compare(*comparison, *class, left, right))
        }
        Node::Distinct(class, sides, negated) => {
            Ok(Value::Bool(differ(*class, sides, row)? != *negated))
        }
        Node::Tests(needle, tests, quantity) => {
            let needle = evaluate(needle, row);
            let needle = needle.as_ref().map_err(|stop| *stop)?;
            let outcomes = tests.iter().map(|test| holds(test, needle, row));
            connect(outcomes, *quantity == Quantity::Any)
        }
        Node::Like(sides, case, negated) => {
            both(sides, row, |text, pattern| match (text, pattern) {
                (Value::Text(text), Value::Text(pattern)) => {
                    Ok(Value::Bool(is_like(text, pattern, *case)? != *negated))
                }
                _ => Ok(Value::Null),
            })
        }
        Node::Arithmetic(operator, of, sides) => match pair(sides)? {
            None => Ok(Value::Null),
            Some((left, right)) => calculate(*operator, *of, left, right),
        },
        Node::Negate(of, inner) => negate(evaluate(inner, row)?, *of),
        Node::Cast(from, to, inner) => Ok(cast(evaluate(inner, row)?, (*from, *to))?),
        Node::Call(function, of, inner) => call(*function, *of, evaluate(inner, row)?),
        Node::Coalesce(nodes) => {
            for node in nodes {
                let value = evaluate(node, row)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            Ok(Value::Null)
        }
        Node::Member(dialect, key, sides, shape) => match pair(sides)? {
            None => Ok(Value::Null),
            Some((document, by)) => member((*dialect, *key, *shape), document, &by),
        },
    }
}

/// What `of` makes of two values; null where one of them is. By reference: to move values out of
/// their results costs more than comparing them.
fn both<'a>(
    sides: &'a [Node; 2],
    row: &impl Row<'a>,
    of: impl FnOnce(&Value<'a>, &Value<'a>) -> Evaluated<'a>,
) -> Evaluated<'a> {
    let (left, right) = (evaluate(&sides[0], row), evaluate(&sides[1], row));
    match (&left, &right) {
        (Err(stop), _) | (_, Err(stop)) => Err(*stop),
        (Ok(left), Ok(right)) if left.is_null() || right.is_null() => Ok(Value::Null),
        (Ok(left), Ok(right)) => of(left, right),
    }
}

/// Whether one is distinct from the other.
fn differ<'a>(class: Class, sides: &'a [Node; 2], row: &impl Row<'a>) -> Result<bool, Stop> {
    let (left, right) = (evaluate(&sides[0], row), evaluate(&sides[1], row));
    match (&left, &right) {
        (Err(stop), _) | (_, Err(stop)) => Err(*stop),
        (Ok(left), Ok(right)) if left.is_null() || right.is_null() => {
            Ok(left.is_null() != right.is_null())
        }
        (Ok(left), Ok(right)) => Ok(!is_equal(class, left, right)?),
    }
}

fn is_like(text: &[u8], pattern: &[u8], case: Case) -> Result<bool, EvalError> {
    match case {
        Case::Sensitive => like::matches(text, pattern),
        Case::Insensitive => {
            like::matches(&text.to_ascii_lowercase(), &pattern.to_ascii_lowercase())
        }
    }
}

/// A column's text as its type: what PostgreSQL wrote, so that anything else is an error.
fn read(text: &[u8], of: Type) -> Evaluated<'_> {
    let whole = match of {
        Type::Bool => match text {
            b"t" => return Ok(Value::Bool(true)),
            b"f" => return Ok(Value::Bool(false)),
            _ => None,
        },
        Type::Int2 | Type::Int4 | Type::Int8 => integer(text),
        Type::Numeric => return Ok(Value::Numeric(Numeric::of_output(text))),
        Type::Float4 => return Ok(Value::Float(Width::Single.read(text)?)),
        Type::Float8 => return Ok(Value::Float(Width::Double.read(text)?)),
        Type::Date => time::date(text),
        Type::Time => time::time(text),
        Type::Timestamp => time::timestamp(text, Zone::None),
        Type::TimestampTz => time::timestamp(text, Zone::Given),
        _ => return Ok(Value::Text(Cow::Borrowed(text))),
    };
    match whole {
        Some(value) => Ok(Value::Int(value)),
        None => Err(EvalError::BadText(of.name()).into()),
    }
}

fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    // Downwards, where there is one number more.
    let negative = digits.iter().try_fold(0i64, |value, byte| {
        let digit = i64::from(byte.wrapping_sub(b'0'));
        (digit <= 9).then_some(())?;
        value.checked_mul(10)?.checked_sub(digit)
    })?;
    if digits.len() < text.len() { Some(negative) } else { negative.checked_neg() }
}

fn is_null<'a>(node: &'a Node, row: &impl Row<'a>) -> Result<bool, Stop> {
    match node {
        // Of any type.
        Node::Column(side, column, _) => match row.field(*side, *column) {
            Field::Null => Ok(true),
            Field::Text(_) => Ok(false),
            Field::NotCarried => Err(Stop::NotCarried),
        },
        other => Ok(evaluate(other, row)?.is_null()),
    }
}

/// `and` and `or`, from the left: the first operand that decides ends it.
fn connect<'a>(operands: impl Iterator<Item = Evaluated<'a>>, decisive: bool) -> Evaluated<'a> {
    let (mut is_null, mut is_carried) = (false, true);
    for operand in operands {
        match operand {
            Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
            Ok(Value::Bool(_)) => {}
            Ok(_) => is_null = true,
            // A later one may decide all the same.
            Err(Stop::NotCarried) => is_carried = false,
            Err(error @ Stop::Error(_)) => return Err(error),
        }
    }
    match (is_carried, is_null) {
        (false, _) => Err(Stop::NotCarried),
        (true, true) => Ok(Value::Null),
        (true, false) => Ok(Value::Bool(!decisive)),
    }
}

fn holds<'a>(test: &'a Test, needle: &Value<'a>, row: &impl Row<'a>) -> Evaluated<'a> {
    let other = evaluate(&test.other, row);
    let other = other.as_ref().map_err(|stop| *stop)?;
    if needle.is_null() || other.is_null() {
        return Ok(Value::Null);
    }
    match test.lift {
        (from, to) if from == to => compare(test.comparison, test.class, needle, other),
        lift => compare(test.comparison, test.class, &cast(needle.clone(), lift)?, other),
    }
}

fn compare<'a>(
    comparison: Comparison,
    class: Class,
    left: &Value<'_>,
    right: &Value<'_>,
) -> Evaluated<'a> {
    if class == Class::Document {
        let equal = is_equal(class, left, right)?;
        return Ok(Value::Bool(equal == (comparison == Comparison::Equal)));
    }
    let order = order(class, left, right)?;
    Ok(Value::Bool(match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }))
}

fn is_equal(class: Class, left: &Value<'_>, right: &Value<'_>) -> Result<bool, EvalError> {
    match (class, left, right) {
        (Class::Document, Value::Text(a), Value::Text(b)) => document::are_equal(a, b),
        _ => Ok(order(class, left, right)?.is_eq()),
    }
}

fn order(class: Class, left: &Value<'_>, right: &Value<'_>) -> Result<Ordering, EvalError> {
    Ok(match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) if class == Class::Padded => {
            without_padding(a).cmp(without_padding(b))
        }
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Numeric(a), Value::Numeric(b)) => a.compare(b)?,
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        // NaN is equal to itself and greater than all others.
        (Value::Float(a), Value::Float(b)) => {
            a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
        }
        _ => return Err(EvalError::BadText("comparison")),
    })
}

fn calculate<'a>(operator: Operator, of: Type, left: Value<'a>, right: Value<'a>) -> Evaluated<'a> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            let result = match operator {
                Operator::Add => a.checked_add(b),
                Operator::Subtract => a.checked_sub(b),
                Operator::Multiply => a.checked_mul(b),
                Operator::Divide | Operator::Modulo if b == 0 => {
                    return Err(EvalError::DivisionByZero.into());
                }
                Operator::Divide => a.checked_div(b),
                // Of the smallest number and -1 too, where the quotient does not fit.
                Operator::Modulo => Some(a.wrapping_rem(b)),
            };
            Ok(in_range(result.ok_or(EvalError::OutOfRange(of.name()))?, of)?)
        }
        (Value::Float(a), Value::Float(b)) => {
            Ok(Value::Float(width(of).calculate(operator, a, b)?))
        }
        (Value::Numeric(a), Value::Numeric(b)) => Ok(Value::Numeric(match operator {
            Operator::Add => a.add(&b)?,
            Operator::Subtract => a.add(&b.negated()?)?,
            Operator::Multiply => a.multiply(&b)?,
            Operator::Divide => a.divide(&b)?,
            Operator::Modulo => a.modulo(&b)?,
        })),
        _ => Err(EvalError::BadText("number").into()),
    }
}

fn width(of: Type) -> Width {
    if of == Type::Float4 { Width::Single } else { Width::Double }
}

fn negate(value: Value<'_>, of: Type) -> Evaluated<'_> {
    Ok(match value {
        Value::Int(value) => {
            in_range(value.checked_neg().ok_or(EvalError::OutOfRange(of.name()))?, of)?
        }
        Value::Float(value) => Value::Float(-value),
        Value::Numeric(value) => Value::Numeric(value.negated()?),
        other => other,
    })
}

fn call(function: Function, of: Type, value: Value<'_>) -> Evaluated<'_> {
    Ok(match (function, value) {
        (_, Value::Null) => Value::Null,
        (Function::Lower, Value::Text(text)) => Value::Text(Cow::Owned(text.to_ascii_lowercase())),
        (Function::Upper, Value::Text(text)) => Value::Text(Cow::Owned(text.to_ascii_uppercase())),
        (Function::Length, Value::Text(text)) if of == Type::Bpchar => {
            Value::Int(like::characters(without_padding(&text)))
        }
        (Function::Length, Value::Text(text)) => Value::Int(like::characters(&text)),
        (Function::Abs, Value::Int(value)) if value >= 0 => Value::Int(value),
        (Function::Abs, Value::Int(value)) => return negate(Value::Int(value), of),
        (Function::Abs, Value::Float(value)) => Value::Float(value.abs()),
        (Function::Abs, Value::Numeric(value)) => Value::Numeric(value.absolute()?),
        _ => return Err(EvalError::BadText("argument").into()),
    })
}

fn member<'a>(
    (dialect, key, shape): (Dialect, Key, Shape),
    document: Value<'a>,
    by: &Value<'_>,
) -> Evaluated<'a> {
    match document {
        Value::Text(Cow::Borrowed(document)) => Ok(found((dialect, key, shape), document, by)?),
        Value::Text(Cow::Owned(document)) => {
            // Only a text of nobody's memory outlives this.
            Ok(match found((dialect, key, shape), &document, by)? {
                Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
                _ => Value::Null,
            })
        }
        _ => Ok(Value::Null),
    }
}

fn found<'d>(
    (dialect, key, shape): (Dialect, Key, Shape),
    document: &'d [u8],
    by: &Value<'_>,
) -> Result<Value<'d>, EvalError> {
    let found = match (key, by) {
        (Key::Name, Value::Text(name)) => document::member(dialect, document, name)?,
        (Key::Index, Value::Int(index)) => document::element(dialect, document, *index)?,
        _ => None,
    };
    Ok(match (shape, found) {
        (_, None) => Value::Null,
        (Shape::Document, Some(found)) => Value::Text(Cow::Borrowed(found)),
        (Shape::Text, Some(found)) => document::as_text(found)?.map_or(Value::Null, Value::Text),
    })
}
