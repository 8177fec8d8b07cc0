//! Kinds of built-in types, by their OIDs, which PostgreSQL never reassigns.

use super::Kind;

/// The kind of a built-in type; `None` for everything that `initdb` or a user made, and for
/// types newer than this list: the catalog tells those apart.
pub(super) fn kind(oid: u32) -> Option<Kind> {
    scalar(oid).or_else(|| {
        let (element, _) = ARRAYS.iter().find(|(_, array)| *array == oid)?;
        let delimiter = if *element == BOX { b';' } else { b',' };
        Some(Kind::Array(Box::new(scalar(*element)?), delimiter))
    })
}

const BOX: u32 = 603;

fn scalar(oid: u32) -> Option<Kind> {
    Some(match oid {
        16 => Kind::Bool,
        17 => Kind::Bytea,
        20 => Kind::Int8,
        // int2, int4, oid
        21 | 23 | 26 => Kind::Number,
        // json, jsonb
        114 | 3802 => Kind::Json,
        // float4, float8
        700 | 701 => Kind::Float,
        1114 => Kind::Timestamp,
        1184 => Kind::TimestampTz,
        1700 => Kind::Numeric,
        // int2vector and oidvector have elements but no array text: "1 2".
        22 | 30 => Kind::Text,
        _ if ARRAYS.iter().any(|(element, _)| *element == oid) => Kind::Text,
        _ => return None,
    })
}

/// Element and array type of `pg_type`, in order of the element.
const ARRAYS: [(u32, u32); 75] = [
    (16, 1000),   // bool
    (17, 1001),   // bytea
    (18, 1002),   // "char"
    (19, 1003),   // name
    (20, 1016),   // int8
    (21, 1005),   // int2
    (22, 1006),   // int2vector
    (23, 1007),   // int4
    (24, 1008),   // regproc
    (25, 1009),   // text
    (26, 1028),   // oid
    (27, 1010),   // tid
    (28, 1011),   // xid
    (29, 1012),   // cid
    (30, 1013),   // oidvector
    (114, 199),   // json
    (142, 143),   // xml
    (600, 1017),  // point
    (601, 1018),  // lseg
    (602, 1019),  // path
    (603, 1020),  // box
    (604, 1027),  // polygon
    (628, 629),   // line
    (650, 651),   // cidr
    (700, 1021),  // float4
    (701, 1022),  // float8
    (718, 719),   // circle
    (774, 775),   // macaddr8
    (790, 791),   // money
    (829, 1040),  // macaddr
    (869, 1041),  // inet
    (1033, 1034), // aclitem
    (1042, 1014), // bpchar
    (1043, 1015), // varchar
    (1082, 1182), // date
    (1083, 1183), // time
    (1114, 1115), // timestamp
    (1184, 1185), // timestamptz
    (1186, 1187), // interval
    (1266, 1270), // timetz
    (1560, 1561), // bit
    (1562, 1563), // varbit
    (1700, 1231), // numeric
    (1790, 2201), // refcursor
    (2202, 2207), // regprocedure
    (2203, 2208), // regoper
    (2204, 2209), // regoperator
    (2205, 2210), // regclass
    (2206, 2211), // regtype
    (2950, 2951), // uuid
    (2970, 2949), // txid_snapshot
    (3220, 3221), // pg_lsn
    (3614, 3643), // tsvector
    (3615, 3645), // tsquery
    (3734, 3735), // regconfig
    (3769, 3770), // regdictionary
    (3802, 3807), // jsonb
    (3904, 3905), // int4range
    (3906, 3907), // numrange
    (3908, 3909), // tsrange
    (3910, 3911), // tstzrange
    (3912, 3913), // daterange
    (3926, 3927), // int8range
    (4072, 4073), // jsonpath
    (4089, 4090), // regnamespace
    (4096, 4097), // regrole
    (4191, 4192), // regcollation
    (4451, 6150), // int4multirange
    (4532, 6151), // nummultirange
    (4533, 6152), // tsmultirange
    (4534, 6153), // tstzmultirange
    (4535, 6155), // datemultirange
    (4536, 6157), // int8multirange
    (5038, 5039), // pg_snapshot
    (5069, 271),  // xid8
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_types_and_arrays_are_known_without_the_catalog() {
        let array = |kind, delimiter| Some(Kind::Array(Box::new(kind), delimiter));
        assert_eq!(kind(23), Some(Kind::Number));
        assert_eq!(kind(25), Some(Kind::Text));
        assert_eq!(kind(3807), array(Kind::Json, b','));
        assert_eq!(kind(1020), array(Kind::Text, b';'));
        assert_eq!(kind(22), Some(Kind::Text));
    }

    #[test]
    fn what_initdb_or_a_user_made_is_left_to_the_catalog() {
        for oid in [0, 2249, 10_057, 12_345, 16_384, u32::MAX] {
            assert_eq!(kind(oid), None);
        }
    }
}
