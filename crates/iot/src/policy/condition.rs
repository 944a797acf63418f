//! Conditions: operators, their comparisons, and what holds when a key is absent (spec: policies §6).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::date;
use super::variables::{Context, Values, Variable};
use super::wildcard::{ArnPattern, Case, Glob, Wild};

/// One key under one operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    operator: Operator,
    key: Variable,
    expected: Box<[Expected]>,
}

/// A condition operator with what stands before and behind its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    comparison: Comparison,
    negated: bool,
    over: Over,
    if_exists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Text(Case),
    Like,
    Number(Order),
    Date(Order),
    Bool,
    Address,
    Arn,
    Binary,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    One,
    All,
    Any,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Text(Glob),
    Arn(ArnPattern),
}

impl Operator {
    /// Reads `[ForAllValues:|ForAnyValue:]Name[IfExists]`; `Null` stands alone.
    pub(super) fn parse(text: &str) -> Option<Operator> {
        let (over, name) = match text.split_once(':') {
            None => (Over::One, text),
            Some(("ForAllValues", name)) => (Over::All, name),
            Some(("ForAnyValue", name)) => (Over::Any, name),
            Some(_) => return None,
        };
        let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
        let (comparison, negated) = comparison(name)?;
        let alone = comparison != Comparison::Null || (over == Over::One && !if_exists);
        alone.then_some(Operator { comparison, negated, over, if_exists })
    }
}

fn comparison(name: &str) -> Option<(Comparison, bool)> {
    let ordered = |prefix: &str, make: fn(Order) -> Comparison| {
        let (order, negated) = match name.strip_prefix(prefix)? {
            "Equals" => (Order::Equal, false),
            "NotEquals" => (Order::Equal, true),
            "LessThan" => (Order::Less, false),
            "LessThanEquals" => (Order::LessOrEqual, false),
            "GreaterThan" => (Order::Greater, false),
            "GreaterThanEquals" => (Order::GreaterOrEqual, false),
            _ => return None,
        };
        Some((make(order), negated))
    };
    Some(match name {
        "StringEquals" => (Comparison::Text(Case::Exact), false),
        "StringNotEquals" => (Comparison::Text(Case::Exact), true),
        "StringEqualsIgnoreCase" => (Comparison::Text(Case::Ignored), false),
        "StringNotEqualsIgnoreCase" => (Comparison::Text(Case::Ignored), true),
        "StringLike" => (Comparison::Like, false),
        "StringNotLike" => (Comparison::Like, true),
        "Bool" => (Comparison::Bool, false),
        "IpAddress" => (Comparison::Address, false),
        "NotIpAddress" => (Comparison::Address, true),
        "ArnEquals" | "ArnLike" => (Comparison::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Comparison::Arn, true),
        "BinaryEquals" => (Comparison::Binary, false),
        "Null" => (Comparison::Null, false),
        _ => ordered("Numeric", Comparison::Number).or_else(|| ordered("Date", Comparison::Date))?,
    })
}

impl Condition {
    /// A condition that compares `key` with the listed values.
    pub(super) fn new(operator: Operator, key: &str, values: &[String]) -> Condition {
        let expected = values.iter().map(|value| match operator.comparison {
            Comparison::Arn => Expected::Arn(ArnPattern::parse(value)),
            Comparison::Like => Expected::Text(Glob::parse(value, Wild::Yes)),
            _ => Expected::Text(Glob::parse(value, Wild::No)),
        });
        Condition { operator, key: Variable::parse(key), expected: expected.collect() }
    }

    /// Whether it holds for a request.
    pub(super) fn holds(&self, context: &Context<'_>) -> bool {
        let values = self.key.values(context);
        if self.operator.comparison == Comparison::Null {
            return self.expected.iter().any(|expected| {
                let wanted = if values == Values::Absent { "true" } else { "false" };
                matches!(expected, Expected::Text(glob) if glob.matches(wanted, Case::Ignored, context))
            });
        }
        let one;
        let values = match &values {
            Values::Absent => return self.holds_without_key(),
            Values::One(value) => {
                one = [Cow::Borrowed(&**value)];
                &one[..]
            }
            Values::Many(values) => values,
        };
        let equal = |value: &str| self.expected.iter().any(|expected| self.fits(value, expected, context));
        match self.operator.over {
            Over::All => values.iter().all(|value| equal(value) != self.operator.negated),
            Over::Any => values.iter().any(|value| equal(value) != self.operator.negated),
            Over::One => values.iter().any(|value| equal(value)) != self.operator.negated,
        }
    }

    fn holds_without_key(&self) -> bool {
        match self.operator.over {
            Over::All => true,
            Over::Any => self.operator.if_exists,
            Over::One => self.operator.if_exists || self.operator.negated,
        }
    }

    fn fits(&self, value: &str, expected: &Expected, context: &Context<'_>) -> bool {
        let glob = match expected {
            Expected::Arn(pattern) => return pattern.matches(value, context),
            Expected::Text(glob) => glob,
        };
        match self.operator.comparison {
            Comparison::Text(case) => glob.matches(value, case, context),
            Comparison::Bool => glob.matches(value, Case::Ignored, context),
            Comparison::Like => glob.matches(value, Case::Exact, context),
            other => glob.text(context).is_some_and(|expected| compared(other, value, &expected)),
        }
    }

    /// The variables in its values, and its key.
    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        let globs = self.expected.iter().filter_map(|expected| match expected {
            Expected::Text(glob) => Some(glob.variables()),
            Expected::Arn(_) => None,
        });
        let arns = self.expected.iter().filter_map(|expected| match expected {
            Expected::Arn(pattern) => Some(pattern.variables()),
            Expected::Text(_) => None,
        });
        globs.flatten().chain(arns.flatten())
    }

    /// The key it looks at.
    pub(super) fn key(&self) -> &Variable {
        &self.key
    }
}

fn compared(comparison: Comparison, value: &str, expected: &str) -> bool {
    match comparison {
        Comparison::Number(order) => order.of(number(value), number(expected)),
        Comparison::Date(order) => order.of(date::parse(value), date::parse(expected)),
        Comparison::Address => value.parse().is_ok_and(|address| in_network(address, expected)),
        Comparison::Binary => STANDARD.decode(expected).is_ok_and(|bytes| bytes == value.as_bytes()),
        Comparison::Text(_) | Comparison::Like | Comparison::Bool | Comparison::Arn | Comparison::Null => {
            false
        }
    }
}

impl Order {
    fn of<T: PartialOrd>(self, value: Option<T>, expected: Option<T>) -> bool {
        let (Some(value), Some(expected)) = (value, expected) else { return false };
        let Some(found) = value.partial_cmp(&expected) else { return false };
        match self {
            Order::Equal => found == Ordering::Equal,
            Order::Less => found == Ordering::Less,
            Order::LessOrEqual => found != Ordering::Greater,
            Order::Greater => found == Ordering::Greater,
            Order::GreaterOrEqual => found != Ordering::Less,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whether an address lies in `a.b.c.d/n`, `x::/n`, or is the single address given.
fn in_network(address: IpAddr, network: &str) -> bool {
    let (base, length) =
        network.split_once('/').map_or((network, None), |(base, length)| (base, Some(length)));
    let Ok(base) = base.parse::<IpAddr>() else { return false };
    let (address, base, bits) = match (address, base) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let length = length.map_or(Ok(bits), str::parse);
    length.is_ok_and(|length| length <= bits && (address ^ base).checked_shr(bits - length).unwrap_or(0) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scope, Timestamp};

    fn holds(operator: &str, key: &str, values: &[&str]) -> bool {
        let scope = Scope::new("123456789012", "us-east-1").unwrap();
        let context = Context {
            client_id: Some("Dev1"),
            source_ip: Some("203.0.113.7".parse().unwrap()),
            ..Context::new(&scope, Timestamp::from_millis(1_795_325_880_000))
        };
        let values: Vec<_> = values.iter().map(|&v| v.to_owned()).collect();
        Condition::new(Operator::parse(operator).unwrap(), key, &values).holds(&context)
    }

    #[test]
    fn every_operator_compares() {
        let (id, ip, now, epoch) = ("iot:ClientId", "aws:SourceIp", "aws:CurrentTime", "aws:EpochTime");
        for (operator, key, yes, no) in [
            ("StringEquals", id, "Dev1", "dev1"),
            ("StringNotEquals", id, "dev1", "${iot:ClientId}"),
            ("StringEqualsIgnoreCase", id, "dEV1", "dev2"),
            ("StringNotEqualsIgnoreCase", id, "dev2", "dev1"),
            ("StringLike", id, "D*?", "d*"),
            ("StringNotLike", id, "d*", "D*"),
            ("NumericEquals", epoch, "1795325880.0", "1"),
            ("NumericNotEquals", epoch, "1", "1795325880"),
            ("NumericLessThan", epoch, "1795325881", "1795325880"),
            ("NumericLessThanEquals", epoch, "1795325880", "1795325879"),
            ("NumericGreaterThan", epoch, "1795325879", "1795325880"),
            ("NumericGreaterThanEquals", epoch, "1795325880", "1795325881"),
            ("DateEquals", now, "1795325880", "2026-11-22"),
            ("DateNotEquals", now, "2026-11-22", "1795325880"),
            ("DateLessThan", now, "2026-11-23", "2026-11-22T05:38:00Z"),
            ("DateLessThanEquals", epoch, "2026-11-22T05:38:00Z", "2026-11-22"),
            ("DateGreaterThan", now, "2026-11-22", "2027"),
            ("DateGreaterThanEquals", now, "2026-11-22T05:38:00Z", "nonsense"),
            ("Bool", "aws:SecureTransport", "TRUE", "false"),
            ("IpAddress", ip, "203.0.113.0/24", "203.0.112.0/24"),
            ("IpAddress", ip, "203.0.113.7", "203.0.113.8"),
            ("IpAddress", ip, "0.0.0.0/0", "::/0"),
            ("NotIpAddress", ip, "10.0.0.0/8", "203.0.113.7/32"),
            ("BinaryEquals", id, "RGV2MQ==", "Dev1"),
            ("Null", id, "false", "true"),
            ("Null", "iot:DomainName", "True", "False"),
        ] {
            assert!(holds(operator, key, &[yes]), "{operator} {key} {yes}");
            assert!(!holds(operator, key, &[no]), "{operator} {key} {no}");
        }
    }

    #[test]
    fn an_absent_key_fails_a_positive_operator_only() {
        let absent = "iot:DomainName";
        for (operator, expected) in [
            ("StringEquals", false),
            ("StringEqualsIfExists", true),
            ("StringNotEquals", true),
            ("NotIpAddress", true),
            ("ForAllValues:StringEquals", true),
            ("ForAnyValue:StringEquals", false),
            ("ForAnyValue:StringNotEquals", false),
            ("ForAnyValue:StringEqualsIfExists", true),
        ] {
            assert_eq!(holds(operator, absent, &["x"]), expected, "{operator}");
        }
    }

    #[test]
    fn an_unresolved_value_equals_nothing() {
        assert!(holds("StringNotEquals", "iot:ClientId", &["${iot:DomainName}"]));
        assert!(!holds("StringEquals", "iot:ClientId", &["${iot:DomainName}"]));
        assert!(holds("StringEquals", "iot:ClientId", &["${iot:DomainName}", "Dev1"]));
        assert!(!holds("StringNotEquals", "iot:ClientId", &["other", "Dev1"]));
    }

    #[test]
    fn words_that_are_no_operator() {
        for bad in [
            "StringEqual",
            "stringequals",
            "NullIfExists",
            "ForAllValues:Null",
            "ForSome:Bool",
            "IfExists",
            "NumericLike",
            "",
        ] {
            assert_eq!(Operator::parse(bad), None, "{bad}");
        }
    }
}
