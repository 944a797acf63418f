//! Patterns of the models, by the members that carry them.

use adit_aws::Service;
use adit_aws::table::{Check, Member};

fn pattern(members: &[Member], regex: &str, depth: usize) -> Option<&'static adit_aws::pattern::Pattern> {
    fn of(check: &Check, regex: &str, depth: usize) -> Option<&'static adit_aws::pattern::Pattern> {
        match check {
            _ if depth == 0 => None,
            Check::Text(text) => text.pattern.filter(|pattern| pattern.regex == regex),
            Check::List { item, .. } => of(item, regex, depth - 1),
            Check::Map { key, value, .. } => {
                of(key, regex, depth - 1).or_else(|| of(value, regex, depth - 1))
            }
            Check::Structure(members) => pattern(members, regex, depth - 1),
            _ => None,
        }
    }
    members.iter().find_map(|member| of(member.check, regex, depth))
}

#[track_caller]
fn decides(regex: &str, yes: &[&str], no: &[&str]) {
    let mut rows = Service::ALL.into_iter().flat_map(Service::operations);
    let pattern = rows.find_map(|row| pattern(row.members, regex, 8)).unwrap_or_else(|| panic!("no {regex}"));
    for (texts, expected) in [(yes, true), (no, false)] {
        for text in texts {
            assert_eq!(pattern.matches(text), expected, "{regex} on {text:?}");
        }
    }
}

#[test]
fn patterns_decide_as_java_does() {
    decides(r"[a-zA-Z0-9_\-+=:]{1,128}", &["a-1:=+_", &"a".repeat(128)], &["", "a/b", "ä", &"a".repeat(129)]);
    decides(r"[^\p{C}]{1,2048}", &["für später 🚀", " "], &["", "a\u{7}", "\u{200b}", "\u{e000}", "\u{378}"]);
    decides(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", &["", "é 中\u{a0}Ⅷ½٣-@"], &["a<", "🚀", "e\u{301}", "a\tb"]);
    decides(r"[a-zA-Z0-9:_-]+", &["a:b-c_d"], &["", "a b", "a.b", "a\n"]);
    decides(r"(0x)?[a-fA-F0-9]+", &["0x1", "aF", "0"], &["0x", "x1", "g", ""]);
    decides(r"[A-Za-z0-9+/]+={0,2}", &["a+/=", "a=="], &["=", "a===", "a=b", "a-"]);
    decides(r"([\n\t])|(\r\n)|(,)", &["\n", "\r\n", ","], &["", "\r", ",,"]);
    decides(r"^([1-9]|[12][0-9]|3[01])$|^LAST$", &["1", "29", "31", "LAST"], &["0", "01", "32", "last", ""]);
    decides(r"^[1-9]+.[0-9]+", &["1.0", "12x34", "111"], &["1.", ".1", "10", "0.1", "1.1a", "1\n1"]);
    decides(r"^[^$].*", &["a", "a$\u{a0}"], &["", "$a", "a\nb"]);
    decides(r#"^[^_\"][^\"]+$"#, &["ab", "a\nb"], &["a", "_b", "a\"b"]);
    decides(r"\S{36,64}", &[&"ä".repeat(36)], &[&"a".repeat(35), &"a".repeat(65), &"a ".repeat(20)]);
    decides(r"[^\p{Cntrl}]*", &["", "a\u{85}"], &["\u{7f}", "a\n"]);
    decides(r"[\p{Graph}\x20]*", &["", "a b~"], &["ä", "\t"]);
    decides(r"[a-zA-Z0-9_-]+|^\$next", &["$next", "a-b"], &["$", "$nexta"]);
    decides(
        r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)",
        &["/", "/a/", "/a/b/"],
        &["", "//", "a/", "/a", "/a b/", "/ä/"],
    );
    decides(
        r"((/[A-Za-z0-9\.,\+@=_-]+)*)/",
        &["/", "/a/", "/a.b/c/"],
        &["", "//", "/a", "a/", "/a//b/", "/a:/"],
    );
    decides(r"\u002F[\u0021-\u007F]*", &["/", "/a"], &["", "a", "/ "]);
    decides(
        r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?",
        &["v1", "v10", "v1.", "v1.a-b"],
        &["", "v", "v0", "1", "v1.1.1", "v1a"],
    );
    decides(r"[\u0009\u000A\u000D\u0020-\u00FF]+", &["{\t}\r\n", "ÿ"], &["", "\u{0}", "Ā"]);
    decides(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", &["é 1"], &["", "<"]);
    decides(r"https?://.*", &["http://", "https://a"], &["ftp://a", "http:/", "http://a\n"]);
    decides(r"[a-zA-Z0-9!_.*'()-\/]+", &["a!_.*'()+,-/"], &["", "a:", "a b"]);
}

#[test]
fn long_patterns_are_read_part_by_part() {
    decides(
        r"arn:aws(-cn|-us-gov|-iso-b|-iso)?:acm:[a-z]{2}-(gov-|iso-|isob-)?[a-z]{4,9}-\d{1}:\d{12}:certificate/[a-zA-Z0-9/-]+",
        &[
            "arn:aws:acm:eu-central-1:123456789012:certificate/a-1/b",
            "arn:aws-us-gov:acm:us-gov-west-1:123456789012:certificate/x",
        ],
        &[
            "arn:aws:acm:eu-central-1:12345678901:certificate/a",
            "arn:aws:acm:eu-central-10:123456789012:certificate/a",
            "arn:awsx:acm:eu-central-1:123456789012:certificate/a",
            "arn:aws:acm:eu-central-1:123456789012:certificate/",
            "arn:aws:acm:eu-central-1:123456789012:certificate/a:b",
            "arn:aws",
            "",
        ],
    );
    decides(
        r"https://ingestion-[a-zA-Z0-9]{1,12}\.[a-zA-Z0-9]+\.((sfdc-matrix\.net)|(sfdcnow\.com))/streams/\w{1,20}/\w{1,20}/event",
        &["https://ingestion-a1.b.sfdcnow.com/streams/s/t/event"],
        &[
            "https://ingestion-a1.sfdcnow.com/streams/s/t/event",
            "https://ingestion-.b.sfdcnow.com/streams/s/t/event",
            "https://ingestion-a.b.sfdcnow.com/streams/s//event",
            "https://ingestion-a.b.c.sfdcnow.com/streams/s/t/event",
            "https://ingestion-a.b.sfdcnow.com/streams/s/t/u/event",
        ],
    );
}
