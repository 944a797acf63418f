use std::collections::BTreeSet;
use std::io::Write as _;

use super::load::variable_of;
use super::*;

fn from_text(text: &str) -> Result<Config, Vec<Problem>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Config::load(Some(file.path()), [])
}

fn texts(result: Result<Config, Vec<Problem>>) -> Vec<String> {
    result.unwrap_err().into_iter().map(|p| p.text).collect()
}

/// Dotted names of all leaves; an entry of `listen` counts as `listen.<key>`.
fn leaves(prefix: &str, value: &serde_json::Value, out: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (k, v) in map {
                leaves(&if prefix.is_empty() { k.clone() } else { format!("{prefix}.{k}") }, v, out);
            }
        }
        serde_json::Value::Array(items) if prefix == "listen" => {
            items.iter().for_each(|i| leaves(prefix, i, out));
            out.insert(prefix.to_owned());
        }
        _ => {
            out.insert(prefix.to_owned());
        }
    }
}

fn get<'a>(json: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    name.split('.').fold(json, |v, part| match v {
        serde_json::Value::Array(items) => &items[items.len() - 1][part],
        v => &v[part],
    })
}

#[test]
fn the_types_and_the_list_name_the_same_keys() {
    let mut in_types = BTreeSet::new();
    leaves("", &serde_json::to_value(Config::default()).unwrap(), &mut in_types);
    let in_list: BTreeSet<String> = KEYS.iter().map(|k| k.name.to_owned()).collect();
    assert_eq!(in_types, in_list);
}

/// A value other than the default, as TOML, and as text in a variable.
fn other_value(key: &Key) -> (String, String) {
    let quoted = |s: &str| (format!("\"{s}\""), s.to_owned());
    match key.kind {
        Kind::Text => quoted("other"),
        Kind::Account => quoted("210987654321"),
        Kind::Region => quoted("home-1"),
        Kind::Path => quoted("/some/where"),
        Kind::Host => quoted("iot.example"),
        Kind::Bool => {
            let other = if key.default == "true" { "false" } else { "true" };
            (other.into(), other.into())
        }
        Kind::Number(low, high) => {
            let n = if key.default == low.to_string() { high } else { low };
            (n.to_string(), n.to_string())
        }
        Kind::Duration(low, _) => quoted(&format!("{}s", low + 7)),
        Kind::Bytes(low, _) => ((low + 1).to_string(), (low + 1).to_string()),
        Kind::Address | Kind::AddressOrOff => quoted("127.0.0.3:1234"),
        Kind::Word(words) => quoted(words[1]),
        Kind::Routes => {
            let route = "arn:aws:lambda:us-east-1:123456789012:function:f = https://hook.example/f?x=1";
            (format!("[\"{route}\"]"), route.into())
        }
        Kind::Texts => ("[\"one.example\"]".into(), "one.example".into()),
        Kind::Words(words) => (format!("[\"{}\"]", words[0]), words[0].into()),
        Kind::Secret => quoted("hush"),
        Kind::Listeners => {
            let list = "[{ address = \"127.0.0.9:99\" }]";
            (list.into(), list.into())
        }
    }
}

/// Keys that are only accepted together with others.
fn company(name: &str, value: &str) -> Vec<(&'static str, String)> {
    match name {
        "tls.certificate-file" => vec![("tls.key-file", value.to_owned())],
        "tls.key-file" => vec![("tls.certificate-file", value.to_owned())],
        "tls.alternate-certificate-file" | "tls.alternate-key-file" => vec![
            ("tls.certificate-file", value.to_owned()),
            ("tls.key-file", value.to_owned()),
            ("tls.alternate-certificate-file", value.to_owned()),
            ("tls.alternate-key-file", value.to_owned()),
        ]
        .into_iter()
        .filter(|(key, _)| *key != name)
        .collect(),
        "limits.max-connections" => vec![("limits.connections-per-address", "1".into())],
        "limits.connections-per-address" => vec![("limits.max-connections", "10000000".into())],
        _ => vec![],
    }
}

#[test]
fn every_key_takes_effect_from_the_file_and_from_the_environment() {
    let before = serde_json::to_value(Config::default()).unwrap();
    for key in KEYS {
        let (toml, text) = other_value(key);
        let mut file: Vec<String> =
            company(key.name, &toml).into_iter().map(|(k, v)| format!("{k} = {v}")).collect();
        let mut env: Vec<(String, String)> =
            company(key.name, &text).into_iter().map(|(k, v)| (variable_of(k), v)).collect();
        if let Some(inner) = key.name.strip_prefix("listen.") {
            let address = if inner == "address" { "" } else { "address = \"127.0.0.1:5\", " };
            let entry = format!("[{{ {address}{inner} = {toml} }}]");
            file.push(format!("listen = {entry}"));
            env.push((variable_of("listen"), entry));
        } else {
            file.push(format!("{} = {toml}", key.name));
            env.push((variable_of(key.name), text));
        }
        let mut ways = vec![Config::load(None, env)];
        if key.kind != Kind::Secret {
            ways.push(from_text(&file.join("\n")));
        }
        for config in ways {
            let config = config.unwrap_or_else(|p| panic!("{}: {p:?}", key.name));
            let after = serde_json::to_value(&config).unwrap();
            assert_ne!(get(&before, key.name), get(&after, key.name), "{} had no effect", key.name);
        }
    }
}

#[test]
fn the_default_file_is_the_default_configuration() {
    let text = default_toml();
    assert_eq!(from_text(&text).unwrap(), Config::default());
    let uncommented: String = text
        .lines()
        .filter(|l| !l.contains("[[listen]]"))
        .map(|l| l.strip_prefix("# ").filter(|r| r.contains(" = ") && !r.ends_with('.')).unwrap_or(l))
        .scan(false, |listen, l| {
            *listen = (*listen || l.starts_with("address = \"127.0.0.1:8080\"")) && !l.starts_with('[');
            Some(if *listen { "" } else { l }.to_owned() + "\n")
        })
        .collect();
    let doc_lines = |l: &&str| !l.starts_with('#');
    let config = uncommented.lines().filter(doc_lines).collect::<Vec<_>>().join("\n");
    assert_eq!(from_text(&config).unwrap(), Config::default(), "{config}");
}

#[test]
fn an_unknown_key_names_its_place_and_the_nearest_known_one() {
    let problems = from_text("region = \"eu-1\"\n\n[tunel]\npace = 1\n[tunnel]\npaec = 1\n").unwrap_err();
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(
        shown.iter().any(|s| s.contains(":6: unknown key tunnel.paec; did you mean tunnel.pace?")),
        "{shown:?}"
    );
    assert!(shown.iter().any(|s| s.contains(":3: unknown key tunel")), "{shown:?}");
    let env = [("ADIT__TUNNEL__PACES".to_owned(), "1".to_owned())];
    assert_eq!(
        texts(Config::load(None, env)),
        ["no configuration key tunnel.paces; did you mean ADIT__TUNNEL__PACE?"]
    );
}

#[test]
fn all_wrong_values_are_reported_at_once() {
    let problems = texts(from_text(
        "account = 12\nregion = \"Mars!\"\n[[listen]]\ntls = 3\nport = 4\n[tunnel]\nidle-timeout = \"1s\"\npace = -1\n[log]\nformat = \"xml\"",
    ));
    for part in [
        "account must be 12 digits",
        "region must be",
        "listen.tls must be true or false",
        "unknown key listen.port",
        "needs an address",
        "tunnel.idle-timeout must be a duration from 5s to 1d",
        "tunnel.pace must be a number of bytes",
        "log.format must be one of \"text\", \"json\"",
    ] {
        assert!(problems.iter().any(|p| p.contains(part)), "{part}: {problems:?}");
    }
}

#[test]
fn combinations_are_judged_together() {
    let problems = texts(from_text(
        "names = [\"https://x\"]\n[[listen]]\naddress = \"0.0.0.0:80\"\ntls = false\nserve = [\"tunnel\"]\n[tls]\nkey-file = \"k\"",
    ));
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems[0].contains("0.0.0.0:80 is plain HTTP on an address other machines can reach"));
    let plain_mqtt = "[[listen]]\naddress = \"127.0.0.1:1\"\n[[listen]]\naddress = \"127.0.0.1:1883\"\ntls = false\nserve = [\"mqtt\"]";
    assert!(texts(from_text(plain_mqtt))[0].contains("test.plain-mqtt = true"));
    assert!(from_text(&format!("{plain_mqtt}\n[test]\nplain-mqtt = true")).is_ok());
    let console_alone =
        "[[listen]]\naddress = \"127.0.0.1:1\"\n[[listen]]\naddress = \"127.0.0.1:2\"\nserve = [\"console\"]";
    assert!(texts(from_text(console_alone))[0].contains("serves \"console\" without \"api\""));
    let allowed = "[[listen]]\naddress = \"0.0.0.0:80\"\ntls = false\nallow-plain-remote = true";
    assert!(from_text(allowed).is_ok());
}

#[test]
fn a_secret_is_refused_in_the_file_and_hidden_in_print() {
    let problems = texts(from_text("[test]\nany-account-secret = \"x\""));
    assert!(problems[0].contains("ADIT__TEST__ANY_ACCOUNT_SECRET"), "{problems:?}");
    let env = [("ADIT__TEST__ANY_ACCOUNT_SECRET".to_owned(), "hush".to_owned())];
    let config = Config::load(None, env).unwrap();
    assert!(!format!("{config:?}").contains("hush"));
    assert_eq!(config.any_account_secret().unwrap().unwrap().reveal(), "hush");
}

#[test]
fn explain_knows_keys_and_sections() {
    assert!(explain("tunnel.pace").unwrap().contains("ADIT__TUNNEL__PACE"));
    assert!(explain("tunnel").unwrap().contains("tunnel.retention"));
    assert!(explain("listen").unwrap().contains("listen.serve"));
    assert!(explain("tunnel.pase").unwrap_err().contains("tunnel.pace"));
}
