//! Where the values come from that a device gives to its provisioning template.

use std::collections::BTreeMap;
use std::path::Path;

/// Bytes of a value at most, as for a value of the template language.
const VALUE: usize = 1024;

/// Reads every parameter: `file:PATH` is the first line of a file, `env:NAME` an environment variable, `text:…` and
/// anything else the text itself.
///
/// # Errors
/// The parameter that has no value, and where one was looked for.
pub fn resolve(
    sources: &BTreeMap<String, String>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, String> {
    sources
        .iter()
        .map(|(name, source)| {
            let value = one(source, environment)
                .map_err(|why| format!("provisioning.parameters.{name} = {source:?}: {why}"))?;
            Ok((name.clone(), value))
        })
        .collect()
}

fn one(source: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let value = if let Some(path) = source.strip_prefix("file:") {
        first_line(Path::new(path))?
    } else if let Some(name) = source.strip_prefix("env:") {
        environment(name).ok_or_else(|| format!("the environment has no {name}"))?
    } else {
        source.strip_prefix("text:").unwrap_or(source).to_owned()
    };
    match value.len() {
        0 => Err("there is no value; a device needs one of its own".to_owned()),
        1..=VALUE => Ok(value),
        length => Err(format!("{length} bytes; at most {VALUE}")),
    }
}

fn first_line(path: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(2 * VALUE as u64).read_to_end(&mut text))
        .map_err(|error| format!("cannot read the file: {}", crate::tls::plain(&error)))?;
    // A device tree ends its texts with a zero byte.
    let line = text.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| "the file is not text".to_owned())?;
    Ok(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(source: &str) -> Result<String, String> {
        one(source, &|name| (name == "RACK").then(|| "r1".to_owned()))
    }

    #[test]
    fn values_come_from_text_file_and_environment() {
        let dir = tempfile::tempdir().unwrap();
        let file = |content: &[u8]| {
            std::fs::write(dir.path().join("f"), content).unwrap();
            look(&format!("file:{}", dir.path().join("f").display()))
        };
        assert_eq!(look("north").unwrap(), "north");
        assert_eq!(look("text:file:x").unwrap(), "file:x");
        assert_eq!(look("env:RACK").unwrap(), "r1");
        assert_eq!(file(b"0123abcd\n").unwrap(), "0123abcd");
        assert_eq!(file(b" 7 \nmore\n").unwrap(), "7");
        assert_eq!(file(b"10000000abcdef01\0").unwrap(), "10000000abcdef01");
        assert!(file(b"\n").unwrap_err().contains("no value"));
        assert!(file(b"\xff").unwrap_err().contains("not text"));
        assert!(file(&[b'x'; 3000]).unwrap_err().contains("at most"));
    }

    #[test]
    fn a_missing_value_is_named() {
        let sources = BTreeMap::from([("Serial".to_owned(), "file:/none/here".to_owned())]);
        let error = resolve(&sources, &|_| None).unwrap_err();
        assert!(
            error.starts_with("provisioning.parameters.Serial = \"file:/none/here\": cannot read"),
            "{error}"
        );
        assert!(look("env:NONE").unwrap_err().contains("NONE"));
    }
}
