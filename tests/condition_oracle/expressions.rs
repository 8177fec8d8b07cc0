//! Random conditions, as texts. Mostly of types that fit, and not always in parentheses: how
//! operators bind is part of the question.

use crate::dice::Dice;

/// What an expression is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Bool,
    Number,
    Text,
    Json,
    Jsonb,
    Same(&'static str),
}

const COMPARISONS: &[&str] = &["=", "<>", "<", "<=", ">", ">=", "!="];
const OTHERS: &[&str] = &["d", "tm", "ts", "tz", "u", "e", "ch", "jb"];

/// A boolean expression.
pub(crate) fn condition(dice: &mut Dice) -> String {
    let depth = 1 + dice.below(4);
    boolean(dice, depth)
}

fn of(dice: &mut Dice, sort: Sort, depth: usize) -> String {
    match sort {
        Sort::Bool => boolean(dice, depth),
        Sort::Number => number(dice, depth),
        Sort::Text => text(dice, depth),
        Sort::Json => document(dice, "j", depth),
        Sort::Jsonb => document(dice, "jb", depth),
        Sort::Same(column) => same(dice, column),
    }
}

fn column(dice: &mut Dice, names: &[&str]) -> String {
    let side = dice.pick(&["new", "new", "old", "NEW"]);
    format!("{side}.{}", dice.pick(names))
}

/// In parentheses, more often than not.
fn part(dice: &mut Dice, text: String) -> String {
    if dice.below(4) < 3 { format!("({text})") } else { text }
}

fn boolean(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return match dice.below(8) {
            0 => dice.pick(&["true", "false", "null", "'t'", "'no'"]).to_owned(),
            1 => {
                format!("event = {}", dice.pick(&["'created'", "'updated'", "'deleted'", "old.tc"]))
            }
            _ => column(dice, &["b"]),
        };
    }
    let less = depth - 1;
    match dice.below(20) {
        0 | 1 => {
            let word = dice.pick(&["and", "or"]);
            let parts: Vec<String> = (0..2 + dice.below(2))
                .map(|_| {
                    let inner = boolean(dice, less);
                    part(dice, inner)
                })
                .collect();
            parts.join(&format!(" {word} "))
        }
        2 => {
            let (a, b, c) = (boolean(dice, less), boolean(dice, less), boolean(dice, less));
            format!("{} or {} and {}", part(dice, a), part(dice, b), part(dice, c))
        }
        3 => {
            let inner = boolean(dice, less);
            format!("not {}", part(dice, inner))
        }
        4 => {
            let inner = boolean(dice, less);
            let is =
                dice.pick(&["true", "false", "unknown", "not true", "not false", "not unknown"]);
            format!("{} is {is}", part(dice, inner))
        }
        5 => {
            let sort = sort(dice);
            let inner = of(dice, sort, less);
            format!("{} is {}null", part(dice, inner), dice.pick(&["", "not "]))
        }
        6 | 7 => {
            let sort = sort(dice);
            let (a, b) = (of(dice, sort, less), of(dice, sort, less));
            let not = dice.pick(&["", "not "]);
            format!("{} is {not}distinct from {}", part(dice, a), part(dice, b))
        }
        8 | 9 => within(dice, less),
        10 => {
            let sort = sort(dice);
            let (a, b, c) = (of(dice, sort, less), of(dice, sort, less), of(dice, sort, less));
            let not = dice.pick(&["", "not "]);
            format!("{} {not}between {} and {}", part(dice, a), part(dice, b), part(dice, c))
        }
        11 | 12 => {
            let (a, b) = (text(dice, less), pattern(dice, less));
            let word = dice.pick(&["like", "not like", "ilike", "not ilike"]);
            format!("{} {word} {}", part(dice, a), part(dice, b))
        }
        13 => format!("{}::boolean", column(dice, &["tc", "vc", "i4", "b"])),
        _ => {
            let sort = sort(dice);
            let (a, b) = (of(dice, sort, less), of(dice, sort, less));
            format!("{} {} {}", part(dice, a), dice.pick(COMPARISONS), part(dice, b))
        }
    }
}

fn within(dice: &mut Dice, less: usize) -> String {
    let sort = sort(dice);
    let inner = of(dice, sort, less);
    let list: Vec<String> = (0..1 + dice.below(4)).map(|_| item(dice, sort, less)).collect();
    let not = dice.pick(&["", "not "]);
    format!("{} {not}in ({})", part(dice, inner), list.join(", "))
}

fn sort(dice: &mut Dice) -> Sort {
    match dice.below(14) {
        0 => Sort::Bool,
        1..=5 => Sort::Number,
        6..=9 => Sort::Text,
        10 => Sort::Json,
        11 => Sort::Jsonb,
        _ => Sort::Same(dice.pick(OTHERS)),
    }
}

/// Of a list after `in`: literals, which PostgreSQL treats in another way than columns.
fn item(dice: &mut Dice, sort: Sort, depth: usize) -> String {
    match sort {
        _ if dice.one_in(8) => "null".to_owned(),
        Sort::Number if dice.below(3) < 2 => literal_number(dice),
        Sort::Text if dice.below(3) < 2 => literal_text(dice),
        sort => of(dice, sort, depth),
    }
}

fn literal_number(dice: &mut Dice) -> String {
    dice.pick(&[
        "0",
        "1",
        "2",
        "-1",
        "5",
        "7",
        "12",
        "0.1",
        "0.5",
        "2.5",
        "1.0",
        "-1.5",
        "1e3",
        ".5",
        "32768",
        "2147483648",
        "-2147483648",
        "9223372036854775808",
        "1e40",
        "'12'",
        "'0.1'",
        "100.00",
        "3",
        "0.0000000001",
        "10000",
        "123456789.123456789",
    ])
    .to_owned()
}

fn number(dice: &mut Dice, depth: usize) -> String {
    let columns = &["i2", "i4", "i8", "n", "m", "f4", "f8"];
    if depth == 0 {
        return if dice.below(3) == 0 { literal_number(dice) } else { column(dice, columns) };
    }
    let less = depth - 1;
    match dice.below(12) {
        0..=4 => {
            let (a, b) = (number(dice, less), number(dice, less));
            format!("{} {} {}", part(dice, a), dice.pick(&["+", "-", "*", "/", "%"]), part(dice, b))
        }
        5 => {
            let inner = number(dice, less);
            format!("- {}", part(dice, inner))
        }
        6 => format!("abs({})", number(dice, less)),
        7 => {
            let inner = if dice.one_in(2) { number(dice, less) } else { text(dice, less) };
            let to = dice.pick(&[
                "int2",
                "integer",
                "bigint",
                "numeric",
                "real",
                "float8",
                "double precision",
                "int4",
            ]);
            format!("({inner})::{to}")
        }
        8 => format!("coalesce({}, {})", number(dice, less), number(dice, less)),
        9 => format!("length({})", text(dice, less)),
        _ => number(dice, 0),
    }
}

fn literal_text(dice: &mut Dice) -> String {
    dice.pick(&[
        "''", "' '", "'a'", "'A'", "'abc'", "'ä'", "'ab '", "'12'", "'true'", "'😀'", "'b'",
        "'a%b'", "'1.50'", "'''x'",
    ])
    .to_owned()
}

fn text(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return match dice.below(8) {
            0 | 1 => literal_text(dice),
            2 => "event".to_owned(),
            3 => column(dice, &["td"]),
            _ => column(dice, &["tc", "vc", "tc"]),
        };
    }
    let less = depth - 1;
    match dice.below(10) {
        0 => format!("{}({})", dice.pick(&["lower", "upper"]), text(dice, less)),
        1 => format!("coalesce({}, {})", text(dice, less), text(dice, less)),
        2 => format!("({})::text", number(dice, less)),
        3 => format!(
            "{}::text",
            column(dice, &["b", "u", "e", "ch", "jb", "j", "n", "f4", "f8", "m"])
        ),
        4 => {
            let inner = text(dice, less);
            format!("{} collate \"C\"", part(dice, inner))
        }
        5 | 6 => {
            let of = dice.pick(&["j", "jb"]);
            let document = document(dice, of, less);
            format!("{} ->> {}", part(dice, document), key(dice))
        }
        7 => format!("lower({})", column(dice, &["ch", "tc"])),
        _ => text(dice, 0),
    }
}

fn pattern(dice: &mut Dice, depth: usize) -> String {
    if dice.one_in(4) {
        return text(dice, depth);
    }
    dice.pick(&[
        "'a%'", "'%b'", "'_'", "'%'", "''", "'a_b'", r"'a\%b'", r"'a\'", r"'\\'", "'%😀%'", "'A%'",
        "'__'", "'%a%c'", "'ä%'", r"'%\'", "'ab%'",
    ])
    .to_owned()
}

fn document(dice: &mut Dice, of: &str, depth: usize) -> String {
    let column = column(dice, &[of]);
    if depth == 0 || dice.one_in(3) {
        return column;
    }
    let inner = document(dice, of, depth - 1);
    format!("{} -> {}", part(dice, inner), key(dice))
}

fn key(dice: &mut Dice) -> String {
    dice.pick(&[
        "'a'", "'b'", "'c d'", "0", "1", "-1", "2", "5", "'é'", "-2", "new.i2", "new.tc", "null",
    ])
    .to_owned()
}

/// Of columns of one type, and literals that are of it.
fn same(dice: &mut Dice, of: &'static str) -> String {
    let literals: &[&str] = match of {
        "d" => &["'2000-01-01'", "date '2026-11-26'", "'infinity'", "new.ts::date"],
        "tm" => &["'12:30:00.5'", "'24:00:00'", "time '00:00:00'"],
        "ts" => &[
            "'2026-11-26 08:00:00.25'",
            "'2000-01-01'",
            "timestamp '1999-12-31T23:59:59'",
            "'-infinity'",
            "new.d::timestamp",
        ],
        "tz" => &[
            "'2000-01-01 00:00:00Z'",
            "'2026-11-26 08:00:00+00'",
            "timestamptz '1970-01-01 01:00:00+01:00'",
        ],
        "u" => &[
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
            "'{FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF}'",
            "new.tc::uuid",
        ],
        "e" => &["'sad'", "'happy'"],
        "ch" => &["'a'", "'ab    '", "' a'", "''"],
        _ => &["'1'", "'1.0'", "'null'", "'\"a\"'", "'{}'", "' [] '", "'true'", "'100'", "'1e2'"],
    };
    if dice.below(3) == 0 { dice.pick(literals).to_owned() } else { column(dice, &[of]) }
}
