//! The decision vectors, the documents to take and to refuse, and a naive evaluator to agree with.

mod iam;
mod naive;
mod vectors;

use adit_iot::policy::{Document, MAX_CHARACTERS, statement_of};

fn padded(length: usize, spaces: usize) -> String {
    let (start, end) = (r#"{"Statement":[{"Sid":""#, r#"","Effect":"Allow","Action":"*","Resource":"*"}]}"#);
    let filler = "a".repeat(length - start.len() - end.len());
    format!("{start}{filler}{end}{}", " \n".repeat(spaces / 2))
}

#[test]
fn length_is_counted_without_whitespace() {
    assert!(Document::parse(&padded(MAX_CHARACTERS, 0)).is_ok());
    assert!(Document::parse(&padded(MAX_CHARACTERS / 2, 2_000)).is_ok());
    let error = Document::parse(&padded(MAX_CHARACTERS + 1, 0)).unwrap_err().to_string();
    assert!(error.contains("2049 characters"), "{error}");
}

#[test]
fn a_message_repeats_little_of_what_was_sent() {
    let long =
        format!(r#"{{"Statement":{{"Effect":"Allow","Action":"*","Resource":"{}"}}}}"#, "x".repeat(1_500));
    let error = Document::parse(&long).unwrap_err().to_string();
    assert!(error.contains(&format!("{}…", "x".repeat(120))) && error.len() < 400, "{error}");
}

#[test]
fn a_statement_is_found_by_its_number() {
    let list = r#"{"Statement": [{"Sid": "a", "n": 1}, {"Sid": "b"}]}"#;
    let one = r#"{"Statement": {"Sid": "a", "n": 1}}"#;
    let first = serde_json::json!({ "Sid": "a", "n": 1 });
    assert_eq!(statement_of(list, 1), Some(first.clone()));
    assert_eq!(statement_of(list, 2), Some(serde_json::json!({ "Sid": "b" })));
    assert_eq!(statement_of(one, 1), Some(first));
    for (text, number) in [(list, 0), (list, 3), (one, 0), (one, 2), ("{}", 1), ("", 1)] {
        assert_eq!(statement_of(text, number), None, "{text} {number}");
    }
}
