//! The two spellings of a connection string, both read into keyword and value.
//!
//! No error text quotes the input: a badly escaped password may be anywhere in it.

use percent_encoding::percent_decode_str;

use super::DsnError;

/// A keyword and its value, in the order written.
pub(super) type Pair = (String, String);

/// Reads a `postgres://` or `postgresql://` URL or else a key-value string.
pub(super) fn read(text: &str) -> Result<Vec<Pair>, DsnError> {
    let text = text.trim();
    let scheme = ["postgres://", "postgresql://"].iter().find_map(|s| text.strip_prefix(s));
    match scheme {
        Some(rest) => read_url(rest),
        None if text.contains("://") && !text.contains('=') => {
            Err(DsnError::Syntax("the URL must begin with postgres:// or postgresql://"))
        }
        None => read_pairs(text),
    }
}

/// What follows the scheme: `[user[:password]@][host[:port][,…]][/dbname][?keyword=value&…]`.
fn read_url(rest: &str) -> Result<Vec<Pair>, DsnError> {
    let mut pairs = Vec::new();
    let (authority_and_path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, dbname) =
        authority_and_path.split_once('/').unwrap_or((authority_and_path, ""));
    let (userinfo, hosts) = match authority.split_once('@') {
        Some((userinfo, hosts)) => (userinfo, hosts),
        None => ("", authority),
    };
    if hosts.contains('@') {
        return Err(DsnError::Syntax("write @ in user name or password as %40"));
    }
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let (hosts, ports) = read_hosts(hosts)?;
    let parts = [
        ("user", user),
        ("password", password),
        ("host", &*hosts),
        ("port", &*ports),
        ("dbname", dbname),
    ];
    for (keyword, value) in parts {
        if !value.is_empty() {
            pairs.push((keyword.to_owned(), decode(value)?));
        }
    }
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        pairs.push(read_parameter(parameter)?);
    }
    Ok(pairs)
}

/// Hosts and ports as two comma-separated lists, which is how the keywords have them. A host
/// without a port leaves an empty place in the list of ports.
fn read_hosts(text: &str) -> Result<(String, String), DsnError> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for item in text.split(',') {
        let (host, port) = match item.strip_prefix('[') {
            Some(bracketed) => {
                let (address, rest) = bracketed
                    .split_once(']')
                    .ok_or(DsnError::Syntax("an IPv6 address lacks its closing bracket"))?;
                let port = match rest.strip_prefix(':') {
                    Some(port) => port,
                    None if rest.is_empty() => "",
                    None => {
                        return Err(DsnError::Syntax(
                            "text follows the bracket of an IPv6 address",
                        ));
                    }
                };
                (address, port)
            }
            None => item.split_once(':').unwrap_or((item, "")),
        };
        hosts.push(host);
        ports.push(port);
    }
    if ports.iter().all(|port| port.is_empty()) {
        ports.clear();
    }
    Ok((hosts.join(","), ports.join(",")))
}

fn read_parameter(text: &str) -> Result<Pair, DsnError> {
    let (keyword, value) =
        text.split_once('=').ok_or(DsnError::Syntax("a parameter of the URL lacks its ="))?;
    if value.contains('=') {
        return Err(DsnError::Syntax("write = in a parameter's value as %3D"));
    }
    let (keyword, value) = (decode(keyword)?, decode(value)?);
    // JDBC's spelling, which libpq takes as well.
    if keyword == "ssl" && value == "true" {
        return Ok(("sslmode".to_owned(), "require".to_owned()));
    }
    Ok((keyword, value))
}

fn decode(text: &str) -> Result<String, DsnError> {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) && digits != b"00" => {
                rest = &rest[at + 3..];
            }
            _ => {
                return Err(DsnError::Syntax(
                    "% must be followed by two hexadecimal digits, not 00",
                ));
            }
        }
    }
    let decoded = percent_decode_str(text).decode_utf8();
    Ok(decoded.map_err(|_| DsnError::Syntax("percent-encoded text must be UTF-8"))?.into_owned())
}

/// `keyword = value keyword = 'value with \' and spaces'`.
fn read_pairs(text: &str) -> Result<Vec<Pair>, DsnError> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (keyword, after) =
            rest.split_once('=').ok_or(DsnError::Syntax("a keyword is not followed by ="))?;
        let keyword = keyword.trim_end();
        if keyword.is_empty() || keyword.contains(char::is_whitespace) {
            return Err(DsnError::Syntax(
                "a keyword is not followed by = (values with spaces need quotes)",
            ));
        }
        let (value, after) = read_value(after.trim_start())?;
        pairs.push((keyword.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// One value and what follows it.
fn read_value(text: &str) -> Result<(String, &str), DsnError> {
    let (quoted, text) = text.strip_prefix('\'').map_or((false, text), |inside| (true, inside));
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            space if !quoted && space.is_whitespace() => return Ok((value, &text[at..])),
            other => value.push(other),
        }
    }
    if quoted { Err(DsnError::Syntax("a quoted value does not end")) } else { Ok((value, "")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        read(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<Pair> =
            expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(pairs(text), expected, "{text}");
    }

    #[test]
    fn every_part_of_a_url_may_be_left_out() {
        check("postgres://", &[]);
        check("postgresql:///shop", &[("dbname", "shop")]);
        check("postgres://ann@", &[("user", "ann")]);
        check("postgres://db:5433", &[("host", "db"), ("port", "5433")]);
        check("postgres://?host=/tmp&user=ann", &[("host", "/tmp"), ("user", "ann")]);
        check(
            "postgresql://ann:pw@db/shop?connect_timeout=5",
            &[
                ("user", "ann"),
                ("password", "pw"),
                ("host", "db"),
                ("dbname", "shop"),
                ("connect_timeout", "5"),
            ],
        );
    }

    #[test]
    fn percent_encoding_is_undone_everywhere() {
        check(
            "postgres://a%40b:p%2F%3A%25@%2Fvar%2Frun/d%C3%A9?application_name=a%20b%3D",
            &[
                ("user", "a@b"),
                ("password", "p/:%"),
                ("host", "/var/run"),
                ("dbname", "dé"),
                ("application_name", "a b="),
            ],
        );
    }

    #[test]
    fn several_hosts_keep_their_ports() {
        check(
            "postgres://a:1,b,[::1]:3/d",
            &[("host", "a,b,::1"), ("port", "1,,3"), ("dbname", "d")],
        );
        check("postgres://a,b", &[("host", "a,b")]);
    }

    #[test]
    fn pairs_take_quotes_escapes_and_spaces() {
        check(
            r" host = db  password='a b\'c\\' user=o\'neil\ x options=''",
            &[("host", "db"), ("password", r"a b'c\"), ("user", "o'neil x"), ("options", "")],
        );
        check("", &[]);
    }

    #[test]
    fn bad_syntax_is_refused_without_quoting_the_input() {
        for text in [
            "postgres://u:hunter2@x@db",
            "postgres://u:hunter2%@db",
            "postgres://u:hunter2%zz@db",
            "postgres://u:hunter2%00@db",
            "postgres://u:hunter2%ff@db",
            "postgres://u:hunter2@[::1",
            "postgres://u:hunter2@[::1]x",
            "postgres://u:hunter2@db?sslmode",
            "postgres://u:hunter2@db?a=b=hunter2",
            "mysql://u:hunter2@db",
            "password=my hunter2",
            "password='hunter2",
            "hunter2",
            "=hunter2",
            "password=a hunter2 user=b",
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
