//! The canonical request, and the hashes over it.

use hmac::{Hmac, Mac as _};
use sha2::digest::Output;
use sha2::{Digest as _, Sha256};

use crate::{Request, uri};

/// Everything that a signature covers, in the one order that both sides compute.
///
/// The path is what stood on the wire and is encoded once more, as for every service but S3. `signed` is ascending.
/// Parameters named in `without` do not count.
pub(super) fn request(
    request: &Request<'_>,
    signed: &[String],
    without: &[&str],
    body_hash: &str,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let path = if request.path.is_empty() { "/" } else { request.path };
    for line in [request.method.as_str(), &uri::encode_path(path), &query(request.query, without)] {
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    for name in signed {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        for (at, value) in request.headers.get_all(name.as_str()).iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            fold(value.as_bytes(), &mut out);
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed.join(";").as_bytes());
    out.push(b'\n');
    out.extend_from_slice(body_hash.as_bytes());
    out
}

/// Pairs in the order of their encoded keys, then values.
fn query(query: &str, without: &[&str]) -> String {
    let mut pairs: Vec<(String, String)> = uri::pairs(query)
        .filter(|(key, _)| !without.contains(key))
        .map(|(key, value)| (uri::encode(&uri::decode(key)), uri::encode(&uri::decode(value))))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join("&")
}

/// Trims, and makes one space of every run of spaces and tabs.
fn fold(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// SHA-256 in lower-case hex.
pub(super) fn hex_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The signature of a text with the key that `secret` gives for a scope, in lower-case hex.
pub(super) fn hex_signature(secret: &str, scope: [&str; 4], text: &str) -> String {
    let first = format!("AWS4{secret}").into_bytes();
    let key = scope.iter().fold(first, |key, part| keyed(&key, part.as_bytes()).to_vec());
    hex(&keyed(&key, text.as_bytes()))
}

fn keyed(key: &[u8], text: &[u8]) -> Output<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac.finalize().into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().map(char::from);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_sorted_after_encoding() {
        assert_eq!(
            query("b=2&a=%7e&a=%2f&A&c=a%20b&d=%E1%88%B4", &[]),
            "A=&a=%2F&a=~&b=2&c=a%20b&d=%E1%88%B4"
        );
    }

    #[test]
    fn white_space_in_a_header_folds() {
        let mut out = Vec::new();
        fold(b"  a \t b\"  c\"  ", &mut out);
        assert_eq!(out, b"a b\" c\"");
    }
}
