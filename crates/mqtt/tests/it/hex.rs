//! Vector files: `name: hex = expectation`, comments with `#`.

/// One line of a vector file.
pub struct Vector {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub expect: &'static str,
}

pub fn vectors(file: &'static str) -> impl Iterator<Item = Vector> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let (name, rest) = line.split_once(':').expect("name");
        let (bytes, expect) = rest.split_once('=').expect("expectation");
        Vector { name, bytes: bytes_of(bytes), expect: expect.trim() }
    })
}

pub fn bytes_of(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

pub fn text_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
