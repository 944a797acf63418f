//! The built files of the console, held by the binary: each as it is and packed, made at build time.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::ids;
use crate::net::http::{Answer, text, with_type};

/// One file of `console/dist`.
pub struct File {
    path: &'static str,
    bytes: &'static [u8],
    br: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// By path, ascending.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

/// The file of that path.
pub fn find(path: &str) -> Option<&'static File> {
    find_in(FILES, path)
}

fn find_in<'a>(files: &'a [File], path: &str) -> Option<&'a File> {
    let path = if path == "/" { "/index.html" } else { path };
    files.iter().find(|file| file.path == path)
}

/// The page of that path, packed as the browser likes it best.
pub fn page(path: &str, headers: &HeaderMap) -> Answer {
    match find(path) {
        Some(file) => serve(file, headers),
        None if path == "/" || path == "/index.html" => text(
            StatusCode::NOT_FOUND,
            "This adit server was built without its web console. To get it, with Node.js 20 or later:\n\n\
             \x20 cd console && npm ci && npm run build\n\
             \x20 cargo build --release\n\n\
             Everything else of the server works without it: AWS's tools, `adit tunnel`, `adit ssh`, MQTT.\n",
        ),
        None => text(StatusCode::NOT_FOUND, "The console has no such page; it begins at /.\n"),
    }
}

fn serve(file: &'static File, headers: &HeaderMap) -> Answer {
    let (body, packing) = packed(file, headers);
    // Names below /assets/ hold a hash of the content.
    let fixed = file.path.starts_with("/assets/");
    let tag = (!fixed).then(|| tag(body));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut answer = if tag.is_some() && known == tag.as_deref() {
        text(StatusCode::NOT_MODIFIED, Bytes::new())
    } else {
        with_type(StatusCode::OK, content_type(file.path), Bytes::from_static(body))
    };
    let mut set = |name: HeaderName, value: &'static str| {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    };
    set(header::CACHE_CONTROL, if fixed { "public, max-age=31536000, immutable" } else { "no-cache" });
    set(header::VARY, "accept-encoding");
    if let Some(packing) = packing {
        set(header::CONTENT_ENCODING, packing);
    }
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}

fn packed(file: &'static File, headers: &HeaderMap) -> (&'static [u8], Option<&'static str>) {
    match (file.br, file.gzip) {
        (Some(br), _) if takes(headers, "br") => (br, Some("br")),
        (_, Some(gzip)) if takes(headers, "gzip") => (gzip, Some("gzip")),
        _ => (file.bytes, None),
    }
}

/// Whether the browser names a packing, and not with weight 0. spec: RFC 9110 §12.5.3
fn takes(headers: &HeaderMap, packing: &str) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case(packing) && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

fn tag(body: &[u8]) -> String {
    let hash = ids::hex(&Sha256::digest(body));
    format!("\"{}\"", hash.get(..32).unwrap_or(&hash))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SOME: &[File] = &[
        File { path: "/assets/a-1.js", bytes: b"plain", br: Some(b"br"), gzip: Some(b"gz") },
        File { path: "/index.html", bytes: b"<html>", br: None, gzip: None },
    ];

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_file_is_packed_as_the_browser_likes_it() {
        let script = find_in(SOME, "/assets/a-1.js").unwrap();
        for (accepted, packing) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip", Some("gzip")),
            ("br;q=0, gzip;q=0.5", Some("gzip")),
            ("identity", None),
        ] {
            let answer = serve(script, &headers(header::ACCEPT_ENCODING, accepted));
            let found = answer.headers().get(header::CONTENT_ENCODING).map(|v| v.to_str().unwrap());
            assert_eq!(found, packing, "{accepted}");
            assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
            assert_eq!(answer.headers()["content-type"], "text/javascript; charset=utf-8");
        }
    }

    #[test]
    fn the_first_page_is_asked_for_again_by_its_tag() {
        let index = find_in(SOME, "/").unwrap();
        let first = serve(index, &HeaderMap::new());
        assert_eq!(
            (first.status(), &first.headers()["cache-control"]),
            (StatusCode::OK, &"no-cache".parse().unwrap())
        );
        let mut again = HeaderMap::new();
        again.insert(header::IF_NONE_MATCH, first.headers()["etag"].clone());
        assert_eq!(serve(index, &again).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(serve(index, &headers(header::IF_NONE_MATCH, "\"other\"")).status(), StatusCode::OK);
    }

    #[test]
    fn nothing_else_is_found() {
        assert!(find_in(SOME, "/assets/../index.html").is_none() && find_in(SOME, "/assets/").is_none());
    }
}
