//! Where a text stands in a request: `h:X-Signature`, `j:data.id`, `f:token`, `sig:t`, `=text`.

use http::HeaderName;

/// A dotted path into JSON; a number is an index where it meets a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(pub Vec<String>);

/// Where a text stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `h:Name`: a header.
    Header(HeaderName),
    /// `j:path`: a text or number in the JSON that the event (or, for signatures, the body) is.
    Json(Json),
    /// `f:name`: a field of a form, never of a file.
    Form(String),
    /// `sig:key`: an element of the signature header's list.
    Signature(String),
    /// `=text`: the text itself.
    Constant(String),
}

/// Places of which the first that is there and not empty counts.
pub type Places = Vec<Place>;

/// A piece of signed content, or of an id template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text between the tokens.
    Literal(String),
    /// `{body}`: the raw bytes.
    Body,
    /// `{timestamp}`: as received.
    Timestamp,
    /// `{url}`: the public URL.
    Url,
    /// `{method}`.
    Method,
    /// `{form_sorted}`: name and value of each field, sorted, repeated ones once.
    FormSorted,
    /// `{h:…}`, `{j:…}`, `{f:…}`, `{sig:…}`; several with `|` between are alternatives.
    At(Places),
}
