//! The table whose rows both sides judge, and rows that are hard to agree on.

use crate::dice::Dice;

/// Name and declaration of each column, and values of it.
pub(crate) const COLUMNS: &[(&str, &str, &[&str])] = &[
    ("b", "boolean", &["t", "f"]),
    ("i2", "smallint", &["0", "1", "-1", "7", "32767", "-32768", "100"]),
    ("i4", "integer", &["0", "1", "-1", "5", "12", "2147483647", "-2147483648", "65536", "1000"]),
    (
        "i8",
        "bigint",
        &["0", "1", "-3", "12", "9223372036854775807", "-9223372036854775808", "9007199254740993"],
    ),
    (
        "n",
        "numeric",
        &[
            "0",
            "0.00",
            "1",
            "1.0",
            "-1.50",
            "0.5",
            "2.5",
            "-2.5",
            "12",
            "0.0001",
            "1234.5678",
            "99999999999999999999.999999999",
            "0.000000000000000000000000001",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e40",
            "-7.77",
            "9223372036854775808",
            "0.1",
            "10000",
            "9999.9999",
        ],
    ),
    ("m", "amount", &["0.00", "12.50", "-0.01", "99999999.99", "3.00", "12.00"]),
    (
        "f4",
        "real",
        &[
            "0",
            "-0",
            "0.1",
            "1.5",
            "-2.5",
            "3.4e38",
            "1e-45",
            "NaN",
            "Infinity",
            "-Infinity",
            "16777216",
            "12",
        ],
    ),
    (
        "f8",
        "double precision",
        &[
            "0",
            "-0",
            "0.1",
            "0.5",
            "2.5",
            "-1e308",
            "1e308",
            "5e-324",
            "NaN",
            "Infinity",
            "-Infinity",
            "12",
            "9007199254740993",
            "1e15",
            "123456789012345680",
            "0.00001234",
        ],
    ),
    ("tc", "text collate \"C\"", TEXTS),
    ("td", "text", TEXTS),
    ("vc", "varchar(40) collate \"C\"", TEXTS),
    (
        "ch",
        "char(6) collate \"C\"",
        &["", "a", "A", "ab", " a", "12", "abcdef", "ä", "true", "a b"],
    ),
    (
        "d",
        "date",
        &[
            "2000-01-01",
            "1999-12-31",
            "2026-11-26",
            "infinity",
            "-infinity",
            "0044-03-15 BC",
            "9999-12-31",
        ],
    ),
    ("tm", "time", &["00:00:00", "12:30:00.5", "24:00:00", "23:59:59.999999"]),
    (
        "ts",
        "timestamp",
        &[
            "2000-01-01 00:00:00",
            "1999-12-31 23:59:59.999999",
            "2026-11-26 08:00:00.25",
            "infinity",
            "-infinity",
            "0044-03-15 12:00:00 BC",
            "294276-12-31 23:59:59.999999",
        ],
    ),
    (
        "tz",
        "timestamptz",
        &[
            "2000-01-01 00:00:00+00",
            "2026-11-26 10:00:00+02",
            "infinity",
            "-infinity",
            "1970-01-01 00:00:00+00",
        ],
    ),
    (
        "u",
        "uuid",
        &[
            "00000000-0000-0000-0000-000000000000",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ],
    ),
    ("j", "json", DOCUMENTS),
    ("jb", "jsonb", DOCUMENTS),
    ("e", "mood", &["sad", "ok", "happy"]),
];

const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "A",
    "b",
    "ab",
    "abc",
    "ABC",
    "aBc",
    "a%b",
    "a_b",
    "a\\",
    "\\",
    "%",
    "_",
    "ä",
    "Ä",
    "ß",
    "😀",
    "a😀b",
    "zz",
    "12",
    " 12 ",
    "-7",
    "+5",
    "007",
    "1.50",
    "1e3",
    ".5",
    "1.",
    "NaN",
    "infinity",
    "-inf",
    "true",
    "TRUE",
    "t",
    "f",
    "off",
    "o",
    "yes",
    "n",
    "1",
    "0",
    "2147483648",
    "-32769",
    "99999999999999999999",
    "1e400",
    "1e-400",
    "1e",
    "e5",
    "--1",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}",
    "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
    "'",
    "\"",
    "a b",
    "ab ",
    "\t1\n",
];

const DOCUMENTS: &[&str] = &[
    "null",
    "1",
    "\"a\"",
    "true",
    "[]",
    "{}",
    "[1, 2.0, \"x\", null]",
    "{\"a\": 1}",
    "{\"a\": 1.0}",
    "{\"a\": \"12\"}",
    "{\"a\": null, \"b\": [1, [2]]}",
    "{\"a\": {\"b\": \"true\", \"a\": [3]}, \"c d\": 5}",
    "{\"a\": 1, \"a\": 2}",
    "[[1], {\"a\": \"x\"}]",
    "{\"a\": \"\\u00e9\\n\\\"q\\\"\"}",
    "{\"\\u0061\": 7}",
    "1.50",
    "1.5",
    "-0",
    "0",
    "1e2",
    "100",
    "{\"b\": 1, \"a\": 2}",
    "{\"a\": 2, \"b\": 1.00}",
    " { \"a\" : [ 1 , 2 ] } ",
    "\"12\"",
    "{\"a\": \"abc\"}",
    "[0, -1, 12]",
];

/// What there is before.
pub(crate) fn schema() -> String {
    let columns = COLUMNS.iter().map(|(name, of, _)| format!("{name} {of}"));
    format!(
        "create type mood as enum ('sad', 'ok', 'happy');
         create domain amount as numeric(12, 2);
         create table sample (id integer primary key, {});
         create table pair (id integer primary key, kind text, old_id integer, new_id integer)",
        columns.collect::<Vec<_>>().join(", ")
    )
}

/// A row as SQL, with nulls here and there.
pub(crate) fn row(dice: &mut Dice, id: usize) -> String {
    let cells = COLUMNS.iter().map(|(_, of, values)| {
        if dice.one_in(8) {
            return "null".to_owned();
        }
        let text = dice.pick(values).replace('\'', "''");
        let of = of.split(" collate").next().unwrap_or(of);
        format!("'{text}'::{of}")
    });
    let cells: Vec<String> = cells.collect();
    format!("insert into sample values ({id}, {})", cells.join(", "))
}
