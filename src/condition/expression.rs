//! What a condition says, before anybody knows the types of its columns.

/// One node. Parentheses are gone: the tree says what they said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A value written down.
    Literal(Literal),
    /// `new.status`, `old.status`.
    Column(Side, String),
    /// `event`: `created`, `updated`, …
    Event,
    /// All of them. Never fewer than two.
    And(Vec<Self>),
    /// Any of them. Never fewer than two.
    Or(Vec<Self>),
    /// `not x`.
    Not(Box<Self>),
    /// `is [not] null`, `is [not] true`, …
    Is(Box<Self>, Is, Negated),
    /// `a < b` and the like.
    Compare(Comparison, Box<[Self; 2]>),
    /// `a is [not] distinct from b`.
    Distinct(Box<[Self; 2]>, Negated),
    /// `x [not] in (…)`. The list is never empty.
    In(Box<Self>, Vec<Self>, Negated),
    /// `x [not] between low and high`, in this order.
    Between(Box<[Self; 3]>, Negated),
    /// `text [not] like pattern`, or `ilike`.
    Like(Box<[Self; 2]>, Case, Negated),
    /// `a + b` and the like.
    Arithmetic(Operator, Box<[Self; 2]>),
    /// `-x`; a number written down has its sign in it.
    Negate(Box<Self>),
    /// `x::type`.
    Cast(Box<Self>, Target),
    /// `lower(x)` and the like.
    Call(Function, Box<Self>),
    /// `coalesce(…)`. Never empty.
    Coalesce(Vec<Self>),
    /// `document -> key`, or `->>`.
    Member(Box<[Self; 2]>, Shape),
    /// `x collate "C"`.
    CollateC(Box<Self>),
}

/// A value written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true`, `false`.
    Boolean(bool),
    /// `[-]digits[.digits][e[±]digits]`, as written.
    Number(String),
    /// `'…'`, without quotes.
    Text(String),
}

/// Which row a column is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The row before.
    Old,
    /// The row after.
    New,
}

/// Whether there is a `not` in it.
pub type Negated = bool;

/// What `is` asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// `is null`, of any type.
    Null,
    /// `is true`.
    True,
    /// `is false`.
    False,
    /// `is unknown`: null, of a boolean.
    Unknown,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Whether upper and lower case differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `like`
    Sensitive,
    /// `ilike`
    Insensitive,
}

/// What is calculated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

/// A function of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `lower(text)`
    Lower,
    /// `upper(text)`
    Upper,
    /// `length(text)`, in characters.
    Length,
    /// `abs(number)`
    Abs,
}

/// As what a member of a document is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `->`: a document.
    Document,
    /// `->>`: text.
    Text,
}

/// Types that a cast may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// boolean
    Bool,
    /// smallint
    Int2,
    /// integer
    Int4,
    /// bigint
    Int8,
    /// numeric, without precision
    Numeric,
    /// real
    Float4,
    /// double precision
    Float8,
    /// text
    Text,
    /// varchar, without a length
    Varchar,
    /// date
    Date,
    /// time without time zone
    Time,
    /// timestamp without time zone
    Timestamp,
    /// timestamp with time zone
    TimestampTz,
    /// uuid
    Uuid,
    /// json
    Json,
    /// jsonb
    Jsonb,
}

impl Expression {
    /// Whether a row or `event` is named anywhere in it.
    pub fn names_row(&self) -> bool {
        let any = |parts: &[Self]| parts.iter().any(Self::names_row);
        match self {
            Self::Literal(_) => false,
            Self::Column(..) | Self::Event => true,
            Self::And(parts) | Self::Or(parts) | Self::Coalesce(parts) => any(parts),
            Self::In(inner, list, _) => inner.names_row() || any(list),
            Self::Between(parts, _) => any(&**parts),
            Self::Compare(_, sides)
            | Self::Distinct(sides, _)
            | Self::Like(sides, ..)
            | Self::Arithmetic(_, sides)
            | Self::Member(sides, _) => any(&**sides),
            Self::Not(inner)
            | Self::Is(inner, ..)
            | Self::Negate(inner)
            | Self::Cast(inner, _)
            | Self::Call(_, inner)
            | Self::CollateC(inner) => inner.names_row(),
        }
    }
}

impl Side {
    /// The word before the dot.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

impl Comparison {
    /// The operator.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Operator {
    /// The operator.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }
}

impl Function {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Upper => "upper",
            Self::Length => "length",
            Self::Abs => "abs",
        }
    }
}

impl Is {
    /// The word after `is`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        }
    }
}

impl Target {
    /// PostgreSQL's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Numeric => "numeric",
            Self::Float4 => "real",
            Self::Float8 => "double precision",
            Self::Text => "text",
            Self::Varchar => "varchar",
            Self::Date => "date",
            Self::Time => "time without time zone",
            Self::Timestamp => "timestamp without time zone",
            Self::TimestampTz => "timestamp with time zone",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
        }
    }
}
