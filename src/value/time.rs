//! Timestamps: PostgreSQL's ISO text to RFC 3339, by moving three characters.

/// Whether the type carries a zone, which under our session settings is UTC.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// `timestamptz`: the text ends in `+00`.
    Utc,
    /// `timestamp`: no zone.
    None,
}

/// Appends the timestamp as a JSON string; false, with nothing appended, where RFC 3339 has no
/// such time: infinity, BC, years past 9999, or any text of another shape.
pub(super) fn write(text: &[u8], zone: Zone, out: &mut Vec<u8>) -> bool {
    let Some((whole, rest)) = text.split_at_checked(b"2026-01-16 12:30:00".len()) else {
        return false;
    };
    let fraction = match zone {
        Zone::Utc => rest.strip_suffix(b"+00"),
        Zone::None => Some(rest),
    };
    let Some(fraction) = fraction.filter(|fraction| is_fraction(fraction)) else { return false };
    if !is_date_and_time(whole) {
        return false;
    }
    out.push(b'"');
    out.extend_from_slice(&whole[..10]);
    out.push(b'T');
    out.extend_from_slice(&whole[11..]);
    out.extend_from_slice(fraction);
    out.extend_from_slice(if zone == Zone::Utc { b"Z\"" } else { b"\"" });
    true
}

fn is_date_and_time(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(place, byte)| match place {
        4 | 7 => *byte == b'-',
        10 => *byte == b' ',
        13 | 16 => *byte == b':',
        _ => byte.is_ascii_digit(),
    })
}

/// Empty or `.5`; PostgreSQL has taken trailing zeros off.
fn is_fraction(text: &[u8]) -> bool {
    match text.split_first() {
        None => true,
        Some((b'.', digits)) => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str, zone: Zone) -> Option<String> {
        let mut out = Vec::new();
        write(text.as_bytes(), zone, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn times_in_rfc_3339s_range_become_rfc_3339() {
        let utc = |text| json(text, Zone::Utc).unwrap();
        assert_eq!(utc("2026-01-16 12:30:00+00"), "\"2026-01-16T12:30:00Z\"");
        assert_eq!(utc("0001-01-01 00:00:00.000001+00"), "\"0001-01-01T00:00:00.000001Z\"");
        assert_eq!(utc("9999-12-31 23:59:59.5+00"), "\"9999-12-31T23:59:59.5Z\"");
        assert_eq!(json("2026-01-16 12:30:00", Zone::None).unwrap(), "\"2026-01-16T12:30:00\"");
    }

    #[test]
    fn other_times_are_left_to_postgresqls_text() {
        for text in [
            "infinity",
            "-infinity",
            "0044-03-15 12:00:00+00 BC",
            "10000-01-01 00:00:00+00",
            "",
            "2026-01-16 12:30:00",
            "2026-01-16 12:30:00+01",
            "2026-01-16 12:30:00.+00",
            "2026-01-16T12:30:00+00",
            "2026-01-16 12:30:00+00:00",
        ] {
            assert_eq!(json(text, Zone::Utc), None, "{text}");
        }
        assert_eq!(json("2026-01-16 12:30:00+00", Zone::None), None);
        assert_eq!(json("2026-01-16 12:30:00 BC", Zone::None), None);
    }
}
