//! Every regular expression of AWS's models as a function; the table generator reads the rows here and fails on an
//! expression that has none.
//!
//! AWS means the whole text (spec: control-plane §4) and Java's reading: `\w`, `\d`, `\s` and `\p{Graph}` are ASCII,
//! `\p{L}` and `\p{C}` are Unicode's.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// A regular expression of the models: its text for messages, and a function that decides.
pub struct Pattern {
    /// The expression as AWS writes it.
    pub regex: &'static str,
    matches: fn(&str) -> bool,
}

impl Pattern {
    const fn new(regex: &'static str, matches: fn(&str) -> bool) -> Self {
        Self { regex, matches }
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        (self.matches)(text)
    }
}

pub(crate) static ANY: Pattern = Pattern::new(r"[\s\S]*", |_| true);
pub(crate) static HEX_ID: Pattern = Pattern::new("(0x)?[a-fA-F0-9]+", hex_id);
pub(crate) static DELIMITER: Pattern =
    Pattern::new(r"([\n\t])|(\r\n)|(,)", |text| matches!(text, "\n" | "\t" | "\r\n" | ","));
pub(crate) static PERCENTILE: Pattern =
    Pattern::new(r"(p0|p0\.1|p0\.01|p1|p10|p50|p90|p99|p99\.9|p99\.99|p100)", percentile);
pub(crate) static INDEX_TOPIC: Pattern =
    Pattern::new("[$a-zA-Z0-9:_-]+", |text| some(text, |c| word(c, "$:-")));
pub(crate) static DIGITS: Pattern = Pattern::new("[0-9]+", |text| some(text, |c| c.is_ascii_digit()));
pub(crate) static DIGITS_OR_NONE: Pattern =
    Pattern::new("^[0-9]*$", |text| every(text, |c| c.is_ascii_digit()));
pub(crate) static BASE64: Pattern = Pattern::new("[A-Za-z0-9+/]+={0,2}", base64);
pub(crate) static GRAPH: Pattern =
    Pattern::new(r"[\p{Graph}\x20]*", |text| every(text, |c| matches!(c, ' '..='~')));
pub(crate) static UPPER: Pattern =
    Pattern::new(r"[\p{Upper}\p{Digit}_]+", |text| some(text, |c| matches!(c, 'A'..='Z' | '0'..='9' | '_')));
pub(crate) static ROLE_SESSION: Pattern =
    Pattern::new(r"[\w+=,.@-]+", |text| some(text, |c| word(c, "+=,.@-")));
pub(crate) static WORD_DOT: Pattern = Pattern::new(r"[\w.-]+", |text| some(text, |c| word(c, ".-")));
pub(crate) static WORD_DOT_COLON: Pattern = Pattern::new(r"[\w.:-]+", |text| some(text, |c| word(c, ".:-")));
pub(crate) static ALIAS: Pattern = Pattern::new(r"[\w=,@-]+", |text| some(text, |c| word(c, "=,@-")));
pub(crate) static NO_CONTROL: Pattern =
    Pattern::new(r"[^\p{Cntrl}]*", |text| every(text, |c| !c.is_ascii_control()));
pub(crate) static PLAIN_OR_NONE: Pattern = Pattern::new(r"[^\p{C}]*", |text| every(text, plain));
pub(crate) static PLAIN: Pattern = Pattern::new(r"[^\p{C}]+", |text| some(text, plain));
pub(crate) static PLAIN_2048: Pattern =
    Pattern::new(r"[^\p{C}]{1,2048}", |text| counted(text, 1, 2048) && some(text, plain));
pub(crate) static CIDR: Pattern =
    Pattern::new(r"[a-fA-F0-9:\.\/]+", |text| some(text, |c| c.is_ascii_hexdigit() || ":./".contains(c)));
pub(crate) static HEX_COLON: Pattern =
    Pattern::new("[a-fA-F0-9:]+", |text| some(text, |c| c.is_ascii_hexdigit() || c == ':'));
pub(crate) static FILE_NAME: Pattern =
    Pattern::new(r"[a-zA-Z0-9!_.*'()-\/]+", |text| some(text, |c| word(c, "!.*'()+,-/")));
pub(crate) static NAME_DOT: Pattern = Pattern::new("[a-zA-Z0-9-_.]+", |text| some(text, |c| word(c, "-.")));
pub(crate) static DOT_NAME: Pattern = Pattern::new("[a-zA-Z0-9._-]+", |text| some(text, |c| word(c, "-.")));
pub(crate) static NAME_ESCAPED_DOT: Pattern =
    Pattern::new(r"[a-zA-Z0-9_\-\.]+", |text| some(text, |c| word(c, "-.")));
pub(crate) static DIMENSION: Pattern =
    Pattern::new("[a-zA-Z0-9:$.]+", |text| some(text, |c| alphanumeric(c, ":$.")));
pub(crate) static CONNECTION_ATTRIBUTE: Pattern =
    Pattern::new("[a-zA-Z0-9:.]+", |text| some(text, |c| alphanumeric(c, ":.")));
pub(crate) static THING_NAME: Pattern = Pattern::new("[a-zA-Z0-9:_-]+", |text| some(text, |c| word(c, ":-")));
pub(crate) static HYPHENATED: Pattern =
    Pattern::new(r"[a-zA-Z0-9\-]+", |text| some(text, |c| alphanumeric(c, "-")));
pub(crate) static ALPHANUMERIC: Pattern =
    Pattern::new("[a-zA-Z0-9]+", |text| some(text, |c| alphanumeric(c, "")));
pub(crate) static NAME: Pattern = Pattern::new("[a-zA-Z0-9_-]+", |text| some(text, |c| word(c, "-")));
pub(crate) static JOB_OR_NEXT: Pattern =
    Pattern::new(r"[a-zA-Z0-9_-]+|^\$next", |text| text == "$next" || some(text, |c| word(c, "-")));
pub(crate) static ATTRIBUTE_NAME: Pattern =
    Pattern::new("[a-zA-Z0-9_.,@/:#-]+", |text| some(text, |c| word(c, ".,@/:#-")));
pub(crate) static ATTRIBUTE_VALUE: Pattern =
    Pattern::new(r"[a-zA-Z0-9_.,@/:#=\[\]-]*", |text| every(text, |c| word(c, ".,@/:#=[]-")));
pub(crate) static PAGE_TOKEN: Pattern =
    Pattern::new("[a-zA-Z0-9_=-]{1,4096}", |text| counted(text, 1, 4096) && every(text, |c| word(c, "=-")));
pub(crate) static TUNNEL_ID: Pattern = Pattern::new(r"[a-zA-Z0-9_\-+=:]{1,128}", |text| {
    counted(text, 1, 128) && every(text, |c| word(c, "-+=:"))
});
pub(crate) static CLIENT_TOKEN: Pattern =
    Pattern::new(r"\S{36,64}", |text| counted(text, 36, 64) && every(text, visible));
pub(crate) static DAY_OF_MONTH: Pattern = Pattern::new("^([1-9]|[12][0-9]|3[01])$|^LAST$", day_of_month);
pub(crate) static TAG: Pattern = Pattern::new(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", |text| every(text, tag));
pub(crate) static ANCHORED_DOT_NAME: Pattern =
    Pattern::new("^[.$a-zA-Z0-9_-]+$", |text| some(text, |c| word(c, ".$-")));
pub(crate) static METRIC_PATH: Pattern =
    Pattern::new(r"^[.\-_/#A-Za-z0-9]+$", |text| some(text, |c| word(c, ".-/#")));
pub(crate) static DATE: Pattern =
    Pattern::new("^[0-9-]+$", |text| some(text, |c| c.is_ascii_digit() || c == '-'));
pub(crate) static ANCHORED_ID: Pattern =
    Pattern::new("^[0-9A-Za-z_-]+$", |text| some(text, |c| word(c, "-")));
pub(crate) static VERSION: Pattern = Pattern::new("^[1-9]+.[0-9]+", version);
pub(crate) static VISIBLE_ASCII: Pattern =
    Pattern::new(r"^[\x21-\x7E]+$", |text| some(text, |c| matches!(c, '!'..='~')));
pub(crate) static NOT_RESERVED_TOPIC: Pattern = Pattern::new("^[^$].*", |text| starts_without(text, '$'));
pub(crate) static UNQUOTED: Pattern = Pattern::new(r#"^[^_\"][^\"]+$"#, unquoted);
pub(crate) static NOT_UNDERSCORE: Pattern = Pattern::new("^[^_].*$", |text| starts_without(text, '_'));
pub(crate) static ANCHORED_NAME: Pattern =
    Pattern::new("^[a-zA-Z0-9-_]+$", |text| some(text, |c| word(c, "-")));
pub(crate) static ANCHORED_WORD: Pattern =
    Pattern::new("^[a-zA-Z0-9_]+$", |text| some(text, |c| word(c, "")));
pub(crate) static ARN: Pattern = Pattern::new("^arn:[!-~]+$", arn);
pub(crate) static ACM_ARN: Pattern = Pattern::new(
    r"arn:aws(-cn|-us-gov|-iso-b|-iso)?:acm:[a-z]{2}-(gov-|iso-|isob-)?[a-z]{4,9}-\d{1}:\d{12}:certificate/[a-zA-Z0-9/-]+",
    acm_arn,
);
pub(crate) static SALESFORCE: Pattern = Pattern::new(
    r"https://ingestion-[a-zA-Z0-9]{1,12}\.[a-zA-Z0-9]+\.((sfdc-matrix\.net)|(sfdcnow\.com))/streams/\w{1,20}/\w{1,20}/event",
    salesforce,
);
pub(crate) static URL: Pattern = Pattern::new("https?://.*", url);
pub(crate) static IAM_PATH: Pattern = Pattern::new(r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", |text| {
    iam_path(text, |c| matches!(c, '!'..='~'))
});
pub(crate) static IAM_POLICY_PATH: Pattern = Pattern::new(r"((/[A-Za-z0-9\.,\+@=_-]+)*)/", policy_path);
pub(crate) static IAM_PATH_PREFIX: Pattern = Pattern::new(r"\u002F[\u0021-\u007F]*", |text| {
    text.strip_prefix('/').is_some_and(|rest| every(rest, |c| matches!(c, '!'..='\u{7f}')))
});
pub(crate) static IAM_MARKER: Pattern =
    Pattern::new(r"[\u0020-\u00FF]+", |text| some(text, |c| matches!(c, ' '..='\u{ff}')));
pub(crate) static IAM_NAME_OR_NONE: Pattern =
    Pattern::new(r"[\w+=,.@-]*", |text| every(text, |c| word(c, "+=,.@-")));
pub(crate) static WORD_OR_NONE: Pattern = Pattern::new(r"[\w]*", |text| every(text, |c| word(c, "")));
pub(crate) static IAM_WORD: Pattern = Pattern::new(r"[\w]+", |text| some(text, |c| word(c, "")));
pub(crate) static IAM_DOCUMENT: Pattern =
    Pattern::new(r"[\u0009\u000A\u000D\u0020-\u00FF]+", |text| some(text, |c| line_or(c, '\u{ff}')));
pub(crate) static IAM_DESCRIPTION: Pattern =
    Pattern::new(r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*", |text| {
        every(text, |c| line_or(c, '~') || matches!(c, '\u{a1}'..='\u{ff}'))
    });
pub(crate) static IAM_TAG_KEY: Pattern = Pattern::new(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", |text| some(text, tag));
pub(crate) static IAM_TAG_VALUE: Pattern =
    Pattern::new(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", |text| every(text, tag));
pub(crate) static IAM_VERSION: Pattern = Pattern::new(r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?", iam_version);
pub(crate) static EXTERNAL_ID: Pattern =
    Pattern::new(r"[\w+=,.@:\/-]*", |text| every(text, |c| word(c, "+=,.@:/-")));
pub(crate) static SERIAL_NUMBER: Pattern =
    Pattern::new(r"[\w+=/:,.@-]*", |text| every(text, |c| word(c, "+=/:,.@-")));
pub(crate) static MFA_CODE: Pattern = Pattern::new(r"[\d]*", |text| every(text, |c| c.is_ascii_digit()));
pub(crate) static STS_ARN: Pattern = Pattern::new(
    r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
    |text| some(text, |c| line_or(c, '~') || matches!(c, '\u{85}' | '\u{a0}'..)),
);

fn every(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    text.chars().all(allowed)
}

fn some(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && every(text, allowed)
}

fn counted(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.chars().take(max + 1).count())
}

fn alphanumeric(c: char, or: &str) -> bool {
    c.is_ascii_alphanumeric() || or.contains(c)
}

fn word(c: char, or: &str) -> bool {
    c == '_' || alphanumeric(c, or)
}

/// Not in Unicode's category C: controls, formats, private use, unassigned.
fn plain(c: char) -> bool {
    c.general_category_group() != GeneralCategoryGroup::Other
}

fn tag(c: char) -> bool {
    use GeneralCategoryGroup::{Letter, Number, Separator};
    word(c, ".:/=+-@") || matches!(c.general_category_group(), Letter | Number | Separator)
}

fn visible(c: char) -> bool {
    !matches!(c, ' ' | '\t'..='\r')
}

fn line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}')
        || matches!(
            c.general_category(),
            GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
        )
}

fn starts_without(text: &str, first: char) -> bool {
    let mut rest = text.chars();
    rest.next().is_some_and(|c| c != first) && !rest.any(line_end)
}

fn hex_id(text: &str) -> bool {
    some(text.strip_prefix("0x").unwrap_or(text), |c| c.is_ascii_hexdigit())
}

fn percentile(text: &str) -> bool {
    let all = ["p0", "p0.1", "p0.01", "p1", "p10", "p50", "p90", "p99", "p99.9", "p99.99", "p100"];
    all.contains(&text)
}

fn base64(text: &str) -> bool {
    let symbols = text.trim_end_matches('=');
    text.len() - symbols.len() <= 2 && some(symbols, |c| alphanumeric(c, "+/"))
}

fn day_of_month(text: &str) -> bool {
    let number = text.bytes().all(|digit| digit.is_ascii_digit()) && !text.starts_with('0');
    text == "LAST" || (number && text.parse().is_ok_and(|day: u8| (1..=31).contains(&day)))
}

/// Digits without zero, any one character, digits.
fn version(text: &str) -> bool {
    text.char_indices().any(|(at, c)| {
        let (before, from) = text.split_at(at);
        let after = from.get(c.len_utf8()..).unwrap_or_default();
        !line_end(c) && some(before, |c| matches!(c, '1'..='9')) && some(after, |c| c.is_ascii_digit())
    })
}

fn unquoted(text: &str) -> bool {
    counted(text, 2, usize::MAX - 1) && !text.starts_with('_') && !text.contains('"')
}

fn arn(text: &str) -> bool {
    text.strip_prefix("arn:").is_some_and(|rest| some(rest, |c| matches!(c, '!'..='~')))
}

fn acm_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let partition =
        next() == "arn" && matches!(next(), "aws" | "aws-cn" | "aws-us-gov" | "aws-iso-b" | "aws-iso");
    let service = partition && next() == "acm";
    let region = service && region(next());
    let account = region && account(next());
    account && next().strip_prefix("certificate/").is_some_and(|id| some(id, |c| alphanumeric(c, "/-")))
}

fn account(id: &str) -> bool {
    id.len() == 12 && every(id, |c| c.is_ascii_digit())
}

/// `eu-central-1`, `us-gov-west-1`.
fn region(name: &str) -> bool {
    let lower = |text: &str, min, max| counted(text, min, max) && every(text, |c| c.is_ascii_lowercase());
    let parts: Vec<&str> = name.split('-').collect();
    let (area, place, number) = match *parts {
        [area, place, number] | [area, "gov" | "iso" | "isob", place, number] => (area, place, number),
        _ => return false,
    };
    lower(area, 2, 2) && lower(place, 4, 9) && counted(number, 1, 1) && every(number, |c| c.is_ascii_digit())
}

fn salesforce(text: &str) -> bool {
    let split = || {
        let (host, path) = text.strip_prefix("https://ingestion-")?.split_once('/')?;
        let host = host.strip_suffix(".sfdc-matrix.net").or_else(|| host.strip_suffix(".sfdcnow.com"))?;
        let (tenant, instance) = host.split_once('.')?;
        let (stream, event) = path.strip_prefix("streams/")?.strip_suffix("/event")?.split_once('/')?;
        Some((tenant, instance, stream, event))
    };
    split().is_some_and(|(tenant, instance, stream, event)| {
        counted(tenant, 1, 12)
            && every(tenant, |c| alphanumeric(c, ""))
            && some(instance, |c| alphanumeric(c, ""))
            && [stream, event].iter().all(|name| counted(name, 1, 20) && every(name, |c| word(c, "")))
    })
}

/// A tab, a line end, or from a space on.
fn line_or(c: char, last: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (' '..=last).contains(&c)
}

/// One slash, or text between two.
fn iam_path(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    let inside = || some(text.strip_prefix('/')?.strip_suffix('/')?, allowed).then_some(());
    text == "/" || inside().is_some()
}

/// Words, each with a slash in front, and a slash.
fn policy_path(text: &str) -> bool {
    let words = text.strip_suffix('/').map(|words| words.strip_prefix('/').unwrap_or(words));
    text == "/"
        || text.starts_with('/')
            && words.is_some_and(|words| words.split('/').all(|name| some(name, |c| word(c, ".,+@=-"))))
}

/// `v2`, `v2.x`.
fn iam_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else { return false };
    let (number, more) = rest.split_once('.').unwrap_or((rest, ""));
    !number.starts_with('0') && some(number, |c| c.is_ascii_digit()) && every(more, |c| alphanumeric(c, "-"))
}

fn url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.chars().any(line_end))
}
