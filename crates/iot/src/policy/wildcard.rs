//! Patterns: text with `*`, `?` and variables, split up once and matched without going back (spec: policies §4).
//!
//! A pattern is cut at every `*`. The first cut must begin the text, the last must end it, and each one between is taken
//! where it first fits; that choice never has to be undone, so `*a*a*a*b` costs no more than its length times the text's.

use std::borrow::Cow;
use std::mem;

use super::variables::{Context, Variable};

/// A piece of a pattern's text, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Any,
    One,
    Variable(Variable),
}

/// A pattern over one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    /// What stands between the `*`s; one more than there are of them.
    runs: Box<[Box<[Atom]>]>,
    variables: Box<[Variable]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Atom {
    Text(Box<str>),
    One,
    /// The text of this variable, literally.
    Variable(usize),
}

/// Whether `*` and `?` are wildcards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wild {
    Yes,
    No,
}

/// Whether letter case counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Exact,
    /// ASCII letters are equal in both cases.
    Ignored,
}

impl Glob {
    /// Compiles a pattern.
    pub(super) fn parse(text: &str, wild: Wild) -> Glob {
        Glob::compile(tokens(text, wild))
    }

    /// Compiles a pattern in which `${…}` means nothing.
    pub(super) fn plain(text: &str) -> Glob {
        let mut tokens = Vec::new();
        literal(text, Wild::Yes, &mut tokens);
        Glob::compile(tokens)
    }

    fn compile(tokens: Vec<Token>) -> Glob {
        let (mut runs, mut run, mut variables) = (Vec::new(), Vec::new(), Vec::new());
        for token in tokens {
            match token {
                Token::Any => runs.push(mem::take(&mut run).into_boxed_slice()),
                Token::One => run.push(Atom::One),
                Token::Text(text) => run.push(Atom::Text(text.into())),
                Token::Variable(variable) => {
                    run.push(Atom::Variable(variables.len()));
                    variables.push(variable);
                }
            }
        }
        runs.push(run.into_boxed_slice());
        Glob { runs: runs.into(), variables: variables.into() }
    }

    /// Whether all of `text` fits. Nothing fits while a variable has no value.
    pub(super) fn matches(&self, text: &str, case: Case, context: &Context<'_>) -> bool {
        if self.variables.is_empty() {
            return fits(&self.runs, text, &Filled { values: &[], case });
        }
        let values: Option<Vec<_>> = self.variables.iter().map(|variable| variable.text(context)).collect();
        values.is_some_and(|values| fits(&self.runs, text, &Filled { values: &values, case }))
    }

    /// The whole text, if the pattern has no wildcard and every variable a value.
    pub(super) fn text<'c>(&'c self, context: &Context<'c>) -> Option<Cow<'c, str>> {
        let [run] = &*self.runs else { return None };
        match (&**run, &*self.variables) {
            ([], _) => Some(Cow::Borrowed("")),
            ([Atom::Text(text)], _) => Some(Cow::Borrowed(text)),
            ([Atom::Variable(_)], [variable]) => variable.text(context),
            _ => self
                .prefix(context)
                .filter(|(_, rest)| *rest == Rest::Nothing)
                .map(|(text, _)| Cow::Owned(text)),
        }
    }

    /// The text that every fitting text begins with, and what follows it; `None` if a variable in it has no value.
    pub(super) fn prefix(&self, context: &Context<'_>) -> Option<(String, Rest)> {
        let mut text = String::new();
        for atom in self.runs.first().into_iter().flatten() {
            match atom {
                Atom::Text(literal) => text.push_str(literal),
                Atom::One => return Some((text, Rest::Something)),
                Atom::Variable(at) => text.push_str(&self.variables.get(*at)?.text(context)?),
            }
        }
        let rest = match self.runs.split_first() {
            None | Some((_, [])) => Rest::Nothing,
            Some((_, rest)) if rest.iter().all(|run| run.is_empty()) => Rest::Anything,
            Some(_) => Rest::Something,
        };
        Some((text, rest))
    }

    /// The variables in it.
    pub(super) fn variables(&self) -> &[Variable] {
        &self.variables
    }
}

/// What may follow a pattern's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Nothing,
    Anything,
    Something,
}

/// Values of a pattern's variables for one request.
struct Filled<'v> {
    values: &'v [Cow<'v, str>],
    case: Case,
}

impl Filled<'_> {
    fn literal<'a>(&'a self, atom: &'a Atom) -> Option<&'a str> {
        match atom {
            Atom::Text(text) => Some(text),
            Atom::One => None,
            Atom::Variable(at) => self.values.get(*at).map(AsRef::as_ref),
        }
    }

    fn same(&self, a: &str, b: &str) -> bool {
        match self.case {
            Case::Exact => a == b,
            Case::Ignored => a.eq_ignore_ascii_case(b),
        }
    }

    /// What is left of `text` behind the run.
    fn begins<'t>(&self, run: &[Atom], mut text: &'t str) -> Option<&'t str> {
        for atom in run {
            text = match self.literal(atom) {
                Some(literal) => {
                    let (start, rest) = text.split_at_checked(literal.len())?;
                    self.same(start, literal).then_some(rest)?
                }
                None => after_first(text)?,
            };
        }
        Some(text)
    }

    /// What is left of `text` before the run.
    fn ends<'t>(&self, run: &[Atom], mut text: &'t str) -> Option<&'t str> {
        for atom in run.iter().rev() {
            text = match self.literal(atom) {
                Some(literal) => {
                    let (rest, end) = text.split_at_checked(text.len().checked_sub(literal.len())?)?;
                    self.same(end, literal).then_some(rest)?
                }
                None => {
                    let mut chars = text.chars();
                    chars.next_back()?;
                    chars.as_str()
                }
            };
        }
        Some(text)
    }

    /// What is left of `text` behind the first place where the run fits.
    fn finds<'t>(&self, run: &[Atom], mut text: &'t str) -> Option<&'t str> {
        let first = run.first().and_then(|atom| self.literal(atom)).filter(|_| self.case == Case::Exact);
        loop {
            if let Some(first) = first {
                text = text.get(text.find(first)?..)?;
            }
            if let Some(rest) = self.begins(run, text) {
                return Some(rest);
            }
            text = after_first(text)?;
        }
    }
}

fn after_first(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next()?;
    Some(chars.as_str())
}

fn fits(runs: &[Box<[Atom]>], text: &str, filled: &Filled<'_>) -> bool {
    let Some((first, rest)) = runs.split_first() else { return false };
    let Some(text) = filled.begins(first, text) else { return false };
    let Some((last, between)) = rest.split_last() else { return text.is_empty() };
    let Some(text) = filled.ends(last, text) else { return false };
    between.iter().try_fold(text, |text, run| filled.finds(run, text)).is_some()
}

/// A pattern over ARNs: `*`, or six parts each compared on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ArnPattern {
    All,
    Parts(Box<[Glob; 6]>),
    /// Fewer than six parts: fits nothing.
    Short(Glob),
}

impl ArnPattern {
    /// Compiles a pattern. Colons inside a variable's name do not separate parts.
    pub(super) fn parse(text: &str) -> ArnPattern {
        if text == "*" {
            return ArnPattern::All;
        }
        let tokens = tokens(text, Wild::Yes);
        let mut parts = vec![Vec::new()];
        for token in tokens.clone() {
            let Token::Text(mut text) = token else {
                parts.last_mut().into_iter().for_each(|part: &mut Vec<_>| part.push(token.clone()));
                continue;
            };
            while parts.len() < 6
                && let Some((before, after)) = text.split_once(':')
            {
                push_text(parts.last_mut(), before);
                parts.push(Vec::new());
                text = after.to_owned();
            }
            push_text(parts.last_mut(), &text);
        }
        match <[Vec<Token>; 6]>::try_from(parts) {
            Ok(parts) => ArnPattern::Parts(Box::new(parts.map(Glob::compile))),
            Err(_) => ArnPattern::Short(Glob::compile(tokens)),
        }
    }

    /// Whether an ARN fits.
    pub(super) fn matches(&self, arn: &str, context: &Context<'_>) -> bool {
        match self {
            ArnPattern::All => true,
            ArnPattern::Short(_) => false,
            ArnPattern::Parts(parts) => {
                let mut texts = arn.splitn(6, ':');
                parts
                    .iter()
                    .all(|part| texts.next().is_some_and(|text| part.matches(text, Case::Exact, context)))
            }
        }
    }

    /// The variables in it.
    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        let (parts, short) = match self {
            ArnPattern::All => (None, None),
            ArnPattern::Parts(parts) => (Some(parts.iter()), None),
            ArnPattern::Short(glob) => (None, Some(glob)),
        };
        parts.into_iter().flatten().chain(short).flat_map(Glob::variables)
    }
}

fn push_text(part: Option<&mut Vec<Token>>, text: &str) {
    if let Some(part) = part
        && !text.is_empty()
    {
        part.push(Token::Text(text.to_owned()));
    }
}

/// Takes a pattern apart. `${*}`, `${?}` and `${$}` are those characters; a `${` that never ends is text.
fn tokens(text: &str, wild: Wild) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${")
        && let Some((name, after)) = behind.split_once('}')
    {
        literal(before, wild, &mut tokens);
        match name {
            "*" | "?" | "$" => text_token(name, &mut tokens),
            _ => tokens.push(Token::Variable(Variable::parse(name))),
        }
        rest = after;
    }
    literal(rest, wild, &mut tokens);
    tokens
}

fn literal(text: &str, wild: Wild, tokens: &mut Vec<Token>) {
    if wild == Wild::No {
        return text_token(text, tokens);
    }
    for piece in text.split_inclusive(['*', '?']) {
        match piece
            .strip_suffix('*')
            .map(|text| (text, Token::Any))
            .or_else(|| piece.strip_suffix('?').map(|text| (text, Token::One)))
        {
            Some((text, token)) => {
                text_token(text, tokens);
                tokens.push(token);
            }
            None => text_token(piece, tokens),
        }
    }
}

fn text_token(text: &str, tokens: &mut Vec<Token>) {
    match tokens.last_mut() {
        _ if text.is_empty() => {}
        Some(Token::Text(before)) => before.push_str(text),
        _ => tokens.push(Token::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scope, Timestamp};

    fn fits(pattern: &str, text: &str) -> bool {
        let scope = Scope::new("123456789012", "us-east-1").unwrap();
        let context = Context { client_id: Some("a*:"), ..Context::new(&scope, Timestamp::from_millis(0)) };
        Glob::parse(pattern, Wild::Yes).matches(text, Case::Exact, &context)
    }

    #[test]
    fn wildcards() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("**", "ab"),
            ("a*", "a"),
            ("*a", "bba"),
            ("a*b*c", "a/b/b/c"),
            ("a*a", "aa"),
            ("?", "é"),
            ("*é?", "xéy"),
            ("a??*", "abc"),
            ("*?b*", "abbc"),
            ("${*}${?}${$}", "*?$"),
            ("x${iot:ClientId}*", "xa*:y"),
            ("${iot:clientid", "${iot:clientid"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a*a", "a"),
            ("?", ""),
            ("?", "ab"),
            ("*ab", "abc"),
            ("a*b*c", "acb"),
            ("x${iot:ClientId}", "xab:"),
            ("${iot:Nope}*", "${iot:Nope}"),
            ("A", "a"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_cost_no_time() {
        let text = "a".repeat(60_000);
        assert!(!fits(&format!("{}b", "*a".repeat(400)), &text));
        assert!(!fits(&format!("{}b*", "*a?".repeat(300)), &text));
    }

    #[test]
    fn colons_of_a_variable_do_not_split_an_arn() {
        let parts = |text| matches!(ArnPattern::parse(text), ArnPattern::Parts(_));
        assert!(parts("arn:aws:iot:${aws:x}:1:${iot:ClientId}:y"));
        assert!(!parts("arn:aws:iot:us-east-1:${iot:ClientId}"));
        assert!(!parts("arn:*"));
    }
}
