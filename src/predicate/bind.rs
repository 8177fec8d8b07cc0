//! From a condition to steps over a table's columns, with PostgreSQL's choice of operators.

use super::Columns;
use super::cast;
use super::collation::Mark;
use super::document::Dialect;
use super::literal;
use super::node::{Class, Key, Node, Quantity, Test};
use super::refusal::BindError;
use super::typed::Typed;
use super::types::Type;
use super::value::Constant;
use crate::condition::{
    Case, Comparison, Expression, Function, Is, Literal, Negated, Operator, Shape, Side, Target,
};
use crate::value::TextOrder;

type Bound<T> = Result<T, BindError>;

/// Binds the whole condition.
pub(super) fn bind(expression: &Expression, columns: Columns<'_>) -> Bound<Node> {
    let root = Binder { columns }.bind(expression)?;
    match root.of {
        Type::Bool | Type::Unknown => Ok(root.coerced(Type::Bool, "the condition")?.node),
        other => Err(BindError::NotBoolean { of: other.name() }),
    }
}

struct Binder<'a> {
    columns: Columns<'a>,
}

impl Binder<'_> {
    fn bind(&self, expression: &Expression) -> Bound<Typed> {
        match expression {
            Expression::Literal(literal) => self.literal(literal),
            Expression::Column(side, name) => self.column(*side, name),
            Expression::Event => {
                Ok(Typed::new(Node::Event, Type::Text, Mark::Default(self.columns.order)))
            }
            Expression::And(parts) => self.connected(parts, Node::And),
            Expression::Or(parts) => self.connected(parts, Node::Or),
            Expression::Not(inner) => {
                let inner = self.boolean(inner, "not")?;
                let is_constant = inner.is_constant();
                let node = Node::Not(Box::new(inner.node));
                Typed::new(node, Type::Bool, Mark::None).folded(is_constant)
            }
            Expression::Is(inner, is, negated) => self.is(inner, *is, *negated),
            Expression::Compare(comparison, sides) => {
                let [left, right] = &**sides;
                let (left, right) = (self.bind(left)?, self.bind(right)?);
                let (class, left, right) = alike(*comparison, left, right)?;
                let standing = [left.standing(), right.standing()];
                let node = Node::Compare(*comparison, class, Box::new([left.node, right.node]));
                Typed::new(node, Type::Bool, Mark::None).strict(standing)
            }
            Expression::Distinct(sides, negated) => {
                let [left, right] = &**sides;
                let (left, right) = (self.bind(left)?, self.bind(right)?);
                let (class, left, right) = alike(Comparison::Equal, left, right)?;
                let is_constant = left.is_constant() && right.is_constant();
                let node = Node::Distinct(class, Box::new([left.node, right.node]), *negated);
                Typed::new(node, Type::Bool, Mark::None).folded(is_constant)
            }
            Expression::In(inner, list, negated) => self.within(inner, list, *negated),
            Expression::Between(parts, negated) => self.between(parts, *negated),
            Expression::Like(sides, case, negated) => self.like(sides, *case, *negated),
            Expression::Arithmetic(operator, sides) => self.arithmetic(*operator, sides),
            Expression::Negate(inner) => {
                let inner = self.bind(inner)?;
                if inner.of.rank().is_none() {
                    return Err(BindError::Type { what: "-".to_owned(), of: inner.of.name() });
                }
                let (of, is_constant) = (inner.of, inner.is_constant());
                let node = Node::Negate(of, Box::new(inner.node));
                Typed::new(node, of, Mark::None).folded(is_constant)
            }
            Expression::Cast(inner, target) => self.cast(inner, *target),
            Expression::Call(function, inner) => self.call(*function, inner),
            Expression::Coalesce(parts) => self.coalesce(parts),
            Expression::Member(sides, shape) => self.member(sides, *shape),
            Expression::CollateC(inner) => {
                let inner = self.bind(inner)?;
                match inner.of {
                    Type::Text | Type::Bpchar => Ok(Typed { mark: Mark::C, ..inner }),
                    Type::Unknown => {
                        Ok(Typed { mark: Mark::C, ..inner.coerced(Type::Text, "collate")? })
                    }
                    of => Err(BindError::Type { what: "collate".to_owned(), of: of.name() }),
                }
            }
        }
    }

    fn literal(&self, literal: &Literal) -> Bound<Typed> {
        let (constant, of) = match literal {
            Literal::Null => (Constant::Null, Type::Unknown),
            Literal::Boolean(value) => (Constant::Bool(*value), Type::Bool),
            Literal::Number(text) => literal::number(text)?,
            Literal::Text(text) => (Constant::Text(text.clone().into_bytes()), Type::Unknown),
        };
        Ok(Typed::new(Node::Constant(constant), of, Mark::Default(self.columns.order)))
    }

    fn column(&self, side: Side, name: &str) -> Bound<Typed> {
        let mut columns = self.columns.columns.iter().enumerate();
        let found = columns.find(|(_, (column, _))| *column == name);
        let (index, (_, declared)) =
            found.ok_or_else(|| BindError::NoColumn { name: name.to_owned() })?;
        let of = Type::of(*declared);
        Ok(Typed::new(Node::Column(side, index, of), of, Mark::of(*declared)))
    }

    fn boolean(&self, expression: &Expression, what: &str) -> Bound<Typed> {
        self.bind(expression)?.coerced(Type::Bool, what)
    }

    /// A part that decides whatever the row is, decides before any other is asked.
    fn connected(&self, parts: &[Expression], node: fn(Vec<Node>) -> Node) -> Bound<Typed> {
        let parts = parts.iter().map(|part| self.boolean(part, "and, or"));
        let parts = parts.collect::<Bound<Vec<_>>>()?;
        let is_constant = parts.iter().all(Typed::is_constant);
        let decisive = matches!(node(Vec::new()), Node::Or(_));
        let decides = |part: &Typed| matches!(part.node, Node::Constant(Constant::Bool(value)) if value == decisive);
        if let Some(decided) = parts.iter().find(|part| decides(part)) {
            return Ok(decided.clone());
        }
        let nodes = parts.into_iter().map(|part| part.node).collect();
        Typed::new(node(nodes), Type::Bool, Mark::None).folded(is_constant)
    }

    fn is(&self, inner: &Expression, is: Is, negated: Negated) -> Bound<Typed> {
        let inner = match is {
            Is::Null => self.bind(inner)?,
            _ => self.boolean(inner, "is")?,
        };
        if inner.of == Type::Composite {
            return Err(BindError::Type { what: "is null".to_owned(), of: inner.of.name() });
        }
        let is_constant = inner.is_constant();
        let inner = Box::new(inner.node);
        let node = match is {
            Is::Null | Is::Unknown => Node::IsNull(inner, negated),
            Is::True => Node::IsBool(inner, true, negated),
            Is::False => Node::IsBool(inner, false, negated),
        };
        Typed::new(node, Type::Bool, Mark::None).folded(is_constant)
    }

    /// PostgreSQL makes an array of the items without columns, of a type for all of them, and
    /// compares with the others one by one.
    fn within(&self, inner: &Expression, list: &[Expression], negated: Negated) -> Bound<Typed> {
        let needle = self.bind(inner)?;
        // As written, not as it turns out: PostgreSQL decides before it evaluates anything.
        let bound = |item: &Expression| Ok((item.names_row(), self.bind(item)?));
        let mut items = list.iter().map(bound).collect::<Bound<Vec<_>>>()?;
        if items.iter().filter(|(names_row, _)| !names_row).count() > 1 {
            let fixed = items.iter().filter(|(names_row, _)| !names_row).map(|(_, item)| item);
            let common = in_common(std::iter::once(&needle).chain(fixed), "in (…)")?;
            for (_, item) in items.iter_mut().filter(|(names_row, _)| !names_row) {
                *item = item.clone().coerced(common, "in (…)")?;
            }
            items.sort_by_key(|(names_row, _)| *names_row);
        }
        let items = items.into_iter().map(|(_, item)| item);
        let comparison = if negated { Comparison::NotEqual } else { Comparison::Equal };
        let quantity = if negated { Quantity::All } else { Quantity::Any };
        tests(needle, items.map(|item| (comparison, item)), quantity)
    }

    fn between(&self, parts: &[Expression; 3], negated: Negated) -> Bound<Typed> {
        let [inner, low, high] = parts;
        let (needle, low, high) = (self.bind(inner)?, self.bind(low)?, self.bind(high)?);
        let (bounds, quantity) = match negated {
            false => (
                [(Comparison::GreaterOrEqual, low), (Comparison::LessOrEqual, high)],
                Quantity::All,
            ),
            true => ([(Comparison::Less, low), (Comparison::Greater, high)], Quantity::Any),
        };
        tests(needle, bounds, quantity)
    }

    fn like(&self, sides: &[Expression; 2], case: Case, negated: Negated) -> Bound<Typed> {
        let (text, pattern) = (self.bind(&sides[0])?, self.bind(&sides[1])?);
        let mark = text.mark.and(pattern.mark);
        match case {
            Case::Sensitive => mark.require(TextOrder::Equality, "like")?,
            Case::Insensitive => mark.require(TextOrder::Plain, "ilike")?,
        }
        let text = if text.of == Type::Bpchar { text } else { text.coerced(Type::Text, "like")? };
        let pattern = match pattern.of {
            Type::Bpchar => pattern.cast(Type::Text)?,
            _ => pattern.coerced(Type::Text, "like")?,
        };
        let standing = [text.standing(), pattern.standing()];
        let node = Node::Like(Box::new([text.node, pattern.node]), case, negated);
        Typed::new(node, Type::Bool, Mark::None).strict(standing)
    }

    fn arithmetic(&self, operator: Operator, sides: &[Expression; 2]) -> Bound<Typed> {
        let (left, right) = (self.bind(&sides[0])?, self.bind(&sides[1])?);
        let of = match (left.of, right.of) {
            (Type::Unknown, known) | (known, Type::Unknown) => known.rank().map(|_| known),
            (left, right) => left.of_numbers(right),
        };
        let of = of.filter(|of| operator != Operator::Modulo || !of.is_float());
        let Some(of) = of else {
            return Err(BindError::Mixed {
                what: operator.as_str().to_owned(),
                left: left.of.name(),
                right: right.of.name(),
            });
        };
        let (left, right) =
            (left.coerced(of, operator.as_str())?, right.coerced(of, operator.as_str())?);
        let standing = [left.standing(), right.standing()];
        let node = Node::Arithmetic(operator, of, Box::new([left.node, right.node]));
        Typed::new(node, of, Mark::None).strict(standing)
    }

    fn cast(&self, inner: &Expression, target: Target) -> Bound<Typed> {
        let (inner, to) = (self.bind(inner)?, Type::of_target(target));
        if inner.of == Type::Unknown {
            return inner.coerced(to, "a cast");
        }
        match cast::is_known(inner.of, to) {
            true if inner.of == to => Ok(inner),
            true => {
                let mark = match inner.of.is_text() {
                    true => inner.mark,
                    false => Mark::Default(self.columns.order),
                };
                Ok(Typed { mark: if to.is_text() { mark } else { Mark::None }, ..inner.cast(to)? })
            }
            false => Err(BindError::Cast { from: inner.of.name(), to: to.name() }),
        }
    }

    fn call(&self, function: Function, inner: &Expression) -> Bound<Typed> {
        let inner = self.bind(inner)?;
        let name = function.as_str();
        let (inner, of) = match (function, inner.of) {
            (Function::Abs, of) if of.rank().is_some() => (inner, of),
            (Function::Length, Type::Bpchar) => (inner, Type::Int4),
            (Function::Length, Type::Text | Type::Unknown) => {
                (inner.coerced(Type::Text, name)?, Type::Int4)
            }
            (Function::Lower | Function::Upper, Type::Text | Type::Unknown | Type::Bpchar) => {
                let inner = match inner.of {
                    Type::Bpchar => inner.cast(Type::Text)?,
                    _ => inner.coerced(Type::Text, name)?,
                };
                inner.mark.require(TextOrder::Plain, "case folding")?;
                (inner, Type::Text)
            }
            (_, of) => return Err(BindError::Type { what: name.to_owned(), of: of.name() }),
        };
        let (is_constant, mark, argument) = (inner.is_constant(), inner.mark, inner.of);
        let node = Node::Call(function, argument, Box::new(inner.node));
        Typed::new(node, of, mark).folded(is_constant)
    }

    fn coalesce(&self, parts: &[Expression]) -> Bound<Typed> {
        let parts = parts.iter().map(|part| self.bind(part)).collect::<Bound<Vec<_>>>()?;
        let common = match in_common(parts.iter(), "coalesce")? {
            Type::Unknown => Type::Text,
            common => common,
        };
        let mark = parts.iter().fold(Mark::None, |mark, part| mark.and(part.mark));
        let parts = parts.into_iter().map(|part| part.coerced(common, "coalesce"));
        let mut parts = parts.collect::<Bound<Vec<_>>>()?;
        // Nobody asks beyond what is never null.
        let last = parts.iter().position(|part| part.is_constant() && !part.is_null());
        parts.truncate(last.map_or(parts.len(), |last| last + 1));
        let is_constant = parts.iter().all(Typed::is_constant);
        let nodes = parts.into_iter().map(|part| part.node).collect();
        Typed::new(Node::Coalesce(nodes), common, mark).folded(is_constant)
    }

    fn member(&self, sides: &[Expression; 2], shape: Shape) -> Bound<Typed> {
        let (document, key) = (self.bind(&sides[0])?, self.bind(&sides[1])?);
        let what = match shape {
            Shape::Document => "->",
            Shape::Text => "->>",
        };
        let dialect = match document.of {
            Type::Json => Dialect::Json,
            Type::Jsonb => Dialect::Jsonb,
            of => return Err(BindError::Type { what: what.to_owned(), of: of.name() }),
        };
        let (kind, key) = match key.of {
            Type::Int2 | Type::Int4 => (Key::Index, key),
            Type::Text | Type::Unknown => (Key::Name, key.coerced(Type::Text, what)?),
            of => return Err(BindError::Type { what: format!("{what} by a key"), of: of.name() }),
        };
        let of = if shape == Shape::Text { Type::Text } else { document.of };
        let standing = [document.standing(), key.standing()];
        let node = Node::Member(dialect, kind, Box::new([document.node, key.node]), shape);
        let mark = Mark::Default(self.columns.order).and(key.mark);
        Typed::new(node, of, mark).strict(standing)
    }
}

fn in_common<'a>(parts: impl IntoIterator<Item = &'a Typed>, what: &str) -> Bound<Type> {
    parts.into_iter().try_fold(Type::Unknown, |common, part| {
        common.in_common(part.of).ok_or_else(|| BindError::Mixed {
            what: what.to_owned(),
            left: common.name(),
            right: part.of.name(),
        })
    })
}

/// One needle against several others.
fn tests(
    mut needle: Typed,
    others: impl IntoIterator<Item = (Comparison, Typed)>,
    quantity: Quantity,
) -> Bound<Typed> {
    let mut tests = Vec::new();
    for (comparison, other) in others {
        if needle.of == Type::Unknown {
            // What it is, the first item says; what the others say, they must agree on.
            let of = if other.of == Type::Unknown { Type::Text } else { other.of };
            needle = needle.coerced(of, "a comparison")?;
        }
        // Only what becomes of its type is wanted.
        let stand_in = Typed { node: Node::Event, ..needle };
        let (class, lifted, other) = alike(comparison, stand_in, other)?;
        tests.push(Test { lift: (needle.of, lifted.of), comparison, class, other: other.node });
    }
    let is_null = |test: &Test| matches!(test.other, Node::Constant(Constant::Null));
    if needle.is_null() || tests.iter().all(is_null) {
        return Ok(Typed::new(Node::Constant(Constant::Null), Type::Bool, Mark::None));
    }
    let is_constant =
        needle.is_constant() && tests.iter().all(|test| matches!(test.other, Node::Constant(_)));
    let node = Node::Tests(Box::new(needle.node), tests, quantity);
    Typed::new(node, Type::Bool, Mark::None).folded(is_constant)
}

/// Both sides as the operator takes them.
fn alike(comparison: Comparison, left: Typed, right: Typed) -> Bound<(Class, Typed, Typed)> {
    let is_order = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let what = if is_order { "an order" } else { "a comparison" };
    let of = match (left.of, right.of) {
        (Type::Unknown, Type::Unknown) => Type::Text,
        (Type::Unknown, known) | (known, Type::Unknown) => known,
        (left, right) if left == right => left,
        (left, right) => left.of_numbers(right).ok_or_else(|| BindError::Mixed {
            what: what.to_owned(),
            left: left.name(),
            right: right.name(),
        })?,
    };
    let class = class(of, is_order)
        .ok_or_else(|| BindError::Type { what: what.to_owned(), of: of.name() })?;
    if of.is_text() {
        let mark = left.mark.and(right.mark);
        match is_order {
            true => mark.require(TextOrder::Bytes, "the order of texts")?,
            false => mark.require(TextOrder::Equality, "whether texts are equal")?,
        }
    }
    // Integers of all sizes compare as they are, and a real is a double precision already.
    let as_it_is = |side: &Typed| {
        (side.of.is_integer() && of.is_integer()) || (side.of.is_float() && of.is_float())
    };
    let left = if as_it_is(&left) { left } else { left.coerced(of, what)? };
    let right = if as_it_is(&right) { right } else { right.coerced(of, what)? };
    Ok((class, left, right))
}

fn class(of: Type, is_order: bool) -> Option<Class> {
    Some(match of {
        Type::Bool => Class::Bool,
        Type::Int2 | Type::Int4 | Type::Int8 => Class::Int,
        Type::Date | Type::Time | Type::Timestamp | Type::TimestampTz => Class::Int,
        Type::Numeric => Class::Numeric,
        Type::Float4 | Type::Float8 => Class::Float,
        Type::Text | Type::Uuid => Class::Text,
        Type::Bpchar => Class::Padded,
        Type::Enum(_) if !is_order => Class::Text,
        Type::Jsonb if !is_order => Class::Document,
        _ => return None,
    })
}
