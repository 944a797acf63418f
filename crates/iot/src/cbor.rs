//! CBOR (RFC 8949) as far as JSON reaches: what devices of fleet provisioning speak in place of it.
//!
//! Read are maps with texts as keys, lists, texts, integers of 64 bits, floats, booleans, `null` and `undefined`, with
//! definite and indefinite lengths; tags are passed over, byte strings are read as texts if they are UTF-8. What is
//! written is the shortest form.

use serde_json::{Map, Number, Value};

/// Levels that may be nested.
const DEEPEST: usize = 32;
/// Ends an item of indefinite length.
const BREAK: u8 = 0xff;

/// Reads one item and nothing after it; `None` if it is not that.
pub fn read(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader { rest: bytes };
    let value = reader.item(DEEPEST)?;
    reader.rest.is_empty().then_some(value)
}

/// Writes a value.
pub fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, value);
    out
}

struct Reader<'a> {
    rest: &'a [u8],
}

/// The start of an item.
struct Head {
    major: u8,
    /// The low five bits.
    info: u8,
    /// Its argument; `None` where the length is indefinite.
    argument: Option<u64>,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn number<const N: usize>(&mut self) -> Option<u64> {
        let bytes = self.take(N)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn head(&mut self) -> Option<Head> {
        let first = *self.take(1)?.first()?;
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24 => Some(self.number::<1>()?),
            25 => Some(self.number::<2>()?),
            26 => Some(self.number::<4>()?),
            27 => Some(self.number::<8>()?),
            31 if matches!(major, 2..=5) => None,
            _ => return None,
        };
        Some(Head { major, info, argument })
    }

    /// Whether an item of indefinite length ends here.
    fn ends(&mut self) -> bool {
        let ends = self.rest.first() == Some(&BREAK);
        if ends {
            let _ = self.take(1);
        }
        ends
    }

    fn item(&mut self, left: usize) -> Option<Value> {
        let left = left.checked_sub(1)?;
        let head = self.head()?;
        match (head.major, head.argument) {
            (0, Some(number)) => Some(Value::from(number)),
            (1, Some(number)) => i64::try_from(number).ok().map(|number| Value::from(-1 - number)),
            (2 | 3, length) => self.text(head.major, length).map(Value::String),
            (4, length) => self.list(length, left),
            (5, length) => self.map(length, left),
            (6, Some(_)) => self.item(left),
            (7, Some(argument)) => simple(head.info, argument),
            _ => None,
        }
    }

    fn text(&mut self, major: u8, length: Option<u64>) -> Option<String> {
        let mut bytes = Vec::new();
        match length {
            Some(length) => bytes.extend_from_slice(self.take(usize::try_from(length).ok()?)?),
            None => {
                while !self.ends() {
                    let head = self.head()?;
                    let length = head.argument.filter(|_| head.major == major)?;
                    bytes.extend_from_slice(self.take(usize::try_from(length).ok()?)?);
                }
            }
        }
        String::from_utf8(bytes).ok()
    }

    fn list(&mut self, length: Option<u64>, left: usize) -> Option<Value> {
        let mut items = Vec::new();
        while self.goes_on(length, items.len())? {
            items.push(self.item(left)?);
        }
        Some(Value::Array(items))
    }

    fn map(&mut self, length: Option<u64>, left: usize) -> Option<Value> {
        let mut members = Map::new();
        let mut count = 0;
        while self.goes_on(length, count)? {
            let head = self.head()?;
            let name = if head.major == 3 { self.text(3, head.argument)? } else { return None };
            members.insert(name, self.item(left)?);
            count += 1;
        }
        Some(Value::Object(members))
    }

    /// Whether another element follows after so many. An element has a byte at least, so a length that is larger than
    /// what is left is none, and nothing is made of it.
    fn goes_on(&mut self, length: Option<u64>, count: usize) -> Option<bool> {
        match length {
            None => Some(!self.ends()),
            Some(length) => {
                let missing = usize::try_from(length).ok()?.checked_sub(count)?;
                (missing <= self.rest.len()).then_some(missing > 0)
            }
        }
    }
}

fn simple(info: u8, argument: u64) -> Option<Value> {
    let float = |number: f64| Number::from_f64(number).map(Value::Number);
    match info {
        20 => Some(Value::Bool(false)),
        21 => Some(Value::Bool(true)),
        22 | 23 => Some(Value::Null),
        25 => float(half(u16::try_from(argument).ok()?)),
        26 => float(f64::from(f32::from_bits(u32::try_from(argument).ok()?))),
        27 => float(f64::from_bits(argument)),
        _ => None,
    }
}

/// A float of 16 bits.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let first = major << 5;
    let bytes = argument.to_be_bytes();
    let (info, width) = match argument {
        0..=23 => {
            let [.., small] = bytes;
            return out.push(first | small);
        }
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out.push(first | info);
    out.extend(bytes.iter().skip(8 - width));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    head(out, 3, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(truth) => out.push(0xf4 | u8::from(*truth)),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => head(out, 0, number),
            (None, Some(number)) => head(out, 1, (-1 - number).unsigned_abs()),
            (None, None) => {
                out.push(0xfb);
                out.extend(number.as_f64().unwrap_or(0.0).to_be_bytes());
            }
        },
        Value::String(text) => put_text(out, text),
        Value::Array(items) => {
            head(out, 4, items.len() as u64);
            items.iter().for_each(|item| put(out, item));
        }
        Value::Object(members) => {
            head(out, 5, members.len() as u64);
            for (name, value) in members {
                put_text(out, name);
                put(out, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// Examples of RFC 8949, appendix A.
    #[test]
    fn the_standards_examples_are_read_and_written() {
        for (hex, value) in [
            ("00", json!(0)),
            ("17", json!(23)),
            ("1818", json!(24)),
            ("1903e8", json!(1000)),
            ("1a000f4240", json!(1_000_000)),
            ("1b000000e8d4a51000", json!(1_000_000_000_000_u64)),
            ("1bffffffffffffffff", json!(u64::MAX)),
            ("20", json!(-1)),
            ("3903e7", json!(-1000)),
            ("fb3ff199999999999a", json!(1.1)),
            ("f4", json!(false)),
            ("f5", json!(true)),
            ("f6", json!(null)),
            ("60", json!("")),
            ("6449455446", json!("IETF")),
            ("62c3bc", json!("ü")),
            ("80", json!([])),
            ("8301820203820405", json!([1, [2, 3], [4, 5]])),
            ("a26161016162820203", json!({"a": 1, "b": [2, 3]})),
        ] {
            assert_eq!(read(&bytes(hex)), Some(value.clone()), "{hex}");
            assert_eq!(write(&value), bytes(hex), "{hex}");
        }
        for (hex, value) in [
            ("f93c00", json!(1.0)),
            ("f90001", json!(5.960464477539063e-8)),
            ("f9c400", json!(-4.0)),
            ("fa47c35000", json!(100_000.0)),
            ("f7", json!(null)),
            ("c074323031332d30332d32315432303a30343a30305a", json!("2013-03-21T20:04:00Z")),
            ("4449455446", json!("IETF")),
            ("7f657374726561646d696e67ff", json!("streaming")),
            ("9f018202039f0405ffff", json!([1, [2, 3], [4, 5]])),
            ("bf61610161629f0203ffff", json!({"a": 1, "b": [2, 3]})),
        ] {
            assert_eq!(read(&bytes(hex)), Some(value), "{hex}");
        }
    }

    #[test]
    fn what_is_no_item_is_none() {
        let deep = "81".repeat(32) + "00";
        for hex in [
            "",
            "18",
            "1c",
            "ff",
            "0000",
            "61",
            "62c328",
            "9f",
            "9fff00",
            "a1",
            "a10000",
            "bf61",
            "5f61ff",
            "f97e00",
            "3bffffffffffffffff",
            "9bffffffffffffffff",
            "bbffffffffffffffff",
            "7bffffffffffffffff",
            "f8ff",
            "1f",
            "df00",
            deep.as_str(),
        ] {
            assert_eq!(read(&bytes(hex)), None, "{hex}");
        }
    }
}
