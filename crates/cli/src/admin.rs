//! Questions to the server of a data folder over its admin socket, page by page where there are many rows.

use crate::api::Listed;
use crate::exit::{Failure, Result};
use crate::status::{self, plain};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::path::Path;

/// Rows that are asked for at once.
const PAGE: usize = 250;

/// What is asked for: names and values; a name without a value is left out.
pub type Given<'a> = [(&'a str, Option<String>)];

/// Asks once.
pub async fn ask(admin: &Path, path: &str, given: &Given<'_>) -> Result<Value> {
    answered(status::ask(admin, &with_query(path, given)).await?)
}

/// Tells the server to do something.
pub async fn tell(admin: &Path, path: &str, given: &Given<'_>) -> Result<Value> {
    answered(status::post(admin, &with_query(path, given)).await?)
}

fn answered(answer: Value) -> Result<Value> {
    match answer.get("error") {
        Some(error) => Err(Failure::failed(plain(error))),
        None => Ok(answer),
    }
}

/// Asks page by page until `limit` rows are there. A page may be empty and still have a next.
pub async fn rows(admin: &Path, path: &str, given: &Given<'_>, limit: usize) -> Result<Listed> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = [("limit", Some((limit - rows.len()).min(PAGE).to_string())), ("after", after)];
        let mut answer = ask(admin, path, &[given, &page].concat()).await?;
        if let Some(Value::Array(found)) = answer.get_mut("rows") {
            rows.append(found);
        }
        let next = answer.get("next").filter(|next| !next.is_null()).map(plain);
        let more = next.is_some() || rows.len() > limit;
        rows.truncate(limit);
        if next.is_none() || rows.len() == limit {
            return Ok(Listed { rows, more });
        }
        after = next;
    }
}

/// A path with what is given in its query.
pub fn with_query(path: &str, given: &Given<'_>) -> String {
    let pair = |(name, value): &(&str, Option<String>)| {
        let value = value.as_deref()?;
        Some(format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
    };
    let pairs: Vec<String> = given.iter().filter_map(pair).collect();
    format!("{path}?{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded() {
        let given = [("client-id", Some("a/b&c".to_owned())), ("region", None)];
        assert_eq!(with_query("/clients/show", &given), "/clients/show?client-id=a%2Fb%26c");
    }
}
