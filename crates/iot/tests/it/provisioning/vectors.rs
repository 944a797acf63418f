//! The vectors of `tests/vectors/provisioning.json`.

use adit_iot::provisioning::{Flow, Template};
use serde_json::{Value, json};

use super::bed::{self, certificate, parameters, plan_of, steps};

fn vectors(section: &str) -> Vec<Value> {
    let text = include_str!("../../vectors/provisioning.json");
    let all: Value = serde_json::from_str(text).unwrap();
    all[section].as_array().unwrap().clone()
}

/// A template's text; `"$certificate"` stands for the usual certificate.
fn text_of(vector: &Value) -> String {
    match vector.get("text") {
        Some(text) => text.as_str().unwrap().to_owned(),
        None => vector["template"].to_string().replace("\"$certificate\"", &certificate().to_string()),
    }
}

#[test]
fn what_is_no_template_is_refused_in_these_words() {
    for vector in vectors("invalid") {
        let flows: &[Flow] = match vector["flow"].as_str() {
            Some("RegisterThing") => &[Flow::RegisterThing],
            _ => &[Flow::Fleet, Flow::FirstConnection],
        };
        for flow in flows {
            let refused = Template::parse(&text_of(&vector), *flow).unwrap_err().to_string();
            assert_eq!(refused, vector["message"].as_str().unwrap(), "{}", vector["about"]);
        }
    }
}

#[test]
fn a_body_may_have_10240_characters() {
    let padded = |length: usize| {
        let text = json!({"Resources": {"c": certificate()}}).to_string();
        let spaces = " ".repeat(length - text.chars().count());
        Template::parse(&format!("{text}{spaces}"), Flow::Fleet)
    };
    assert!(padded(10_240).is_ok());
    assert!(padded(10_241).unwrap_err().to_string().contains("10241 characters"));
}

#[test]
fn functions_give_these_values() {
    for vector in vectors("functions") {
        let string = json!({"Type": "String"});
        let template = json!({
            "Parameters": {
                "A": string, "N": string, "K": string, "One": string, "Long": string,
                "D": {"Type": "String", "Default": "default"}
            },
            "Mappings": {"M": {"k": {"n": "found", "list": ["x", "y"]}}},
            "Resources": {"c": certificate()},
            "DeviceConfiguration": {"v": vector["value"]}
        });
        let template = Template::parse(&template.to_string(), Flow::Fleet).unwrap();
        let long = "l".repeat(4096);
        let given = parameters(&[
            ("A", "alpha"),
            ("K", "k"),
            ("One", "1"),
            ("Long", &long),
            ("AWS::IoT::Certificate::Id", "the id"),
            ("unasked", "x"),
        ]);
        let result = template.resolve(&given).map(|wanted| wanted.device_configuration["v"].clone());
        let result = result.map_err(|failure| failure.reason);
        let expected = match vector.get("is") {
            Some(value) => Ok(value.as_str().unwrap().to_owned()),
            None => Err(vector["fails"].as_str().unwrap().to_owned()),
        };
        assert_eq!(result, expected, "{}", vector["value"]);
    }
}

#[test]
fn what_exists_meets_the_template_in_these_ways() {
    for vector in vectors("overrides") {
        let mut resources = json!({
            "thing": {"Type": "AWS::IoT::Thing", "Properties": vector["thing"]},
            "certificate": certificate()
        });
        resources["thing"]["OverrideSettings"] = vector["settings"].clone();
        resources["certificate"]["OverrideSettings"] = vector["certificate_settings"].clone();
        let text = json!({ "Resources": resources }).to_string();
        let wanted = Template::parse(&text, Flow::Fleet).unwrap().resolve(&parameters(&[]));
        let result = wanted.and_then(|wanted| {
            let world = bed::world(&vector["existing"], &wanted);
            plan_of(&wanted, &world).map(|plan| steps(&plan, &world))
        });
        let result = result.map_err(|failure| failure.reason);
        let expected = match vector.get("steps") {
            Some(steps) => Ok(serde_json::from_value(steps.clone()).unwrap()),
            None => Err(vector["fails"].as_str().unwrap().replace("$id", bed::id().as_str())),
        };
        assert_eq!(result, expected, "{}", vector["about"]);
    }
}
