//! Percent-encoding as signatures and paths need it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// Everything except RFC 3986's unreserved characters.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const STRICT_PATH: &AsciiSet = &STRICT.remove(b'/');

/// Text with everything but RFC 3986's unreserved characters escaped: a query key or value, a document in an answer of IAM.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, STRICT).to_string()
}

/// Encodes a path that is already encoded once, keeping its slashes.
pub(crate) fn encode_path(path: &str) -> String {
    percent_encode(path.as_bytes(), STRICT_PATH).to_string()
}

/// Decodes into bytes; a percent sign without two hex digits stands for itself.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}

/// Decodes into text; `None` if a percent sign lacks its digits or the bytes are not UTF-8.
pub(crate) fn decode_text(text: &str) -> Option<String> {
    let whole = text.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes();
        (0..2).all(|_| digits.next().is_some_and(|digit| digit.is_ascii_hexdigit()))
    });
    whole.then(|| String::from_utf8(decode(text)).ok()).flatten()
}

/// The pairs of a query, raw; a key without `=` has an empty value, empty pairs are passed over.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Takes out `.` and `..` segments and repeated slashes (RFC 3986 §5.2.4), as most signers do before they sign.
pub(crate) fn normalized(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_path_is_encoded_once_more() {
        assert_eq!(encode_path("/a/arn%3Ab~"), "/a/arn%253Ab~");
    }

    #[test]
    fn dots_and_double_slashes_go() {
        for (path, normal) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/./foo", "/foo"),
            ("/a/../..", "/"),
            ("/a//b/", "/a/b/"),
            ("/a/./b/../c", "/a/c"),
        ] {
            assert_eq!(normalized(path), normal, "{path}");
        }
    }

    #[test]
    fn broken_escapes_are_not_text() {
        assert_eq!(decode_text("a%2Fb"), Some("a/b".to_owned()));
        for text in ["%", "%2", "a%zz", "%ff"] {
            assert_eq!(decode_text(text), None, "{text}");
        }
    }
}
