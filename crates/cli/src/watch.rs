//! `--watch`: a list or an object that is looked at again and again. Redrawn on a terminal; when piped, a JSON line for
//! each change.

use crate::api::{Api, Listed};
use crate::exit::Result;
use crate::out::{self, OutArgs, View};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Options of every list.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct ListArgs {
    /// Rows to show at most.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Go on showing what changes, until Ctrl-C or --timeout.
    #[arg(long)]
    watch: bool,
}

impl ListArgs {
    pub fn limit(self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }
}

/// Shows a list, once or as it changes.
pub async fn list(
    api: &Api,
    args: ListArgs,
    out: &OutArgs,
    view: &View,
    mut fetch: impl AsyncFnMut() -> Result<Listed>,
) -> Result {
    if !args.watch {
        let listed = fetch().await?;
        out.rows(view, &listed.rows);
        if listed.more {
            out::talk(format_args!("There are more than {}; --limit shows more.", args.limit));
        }
        return Ok(());
    }
    let mut seen = Changes::default();
    loop {
        let rows = fetch().await?.rows;
        show(out, view, &rows, &mut seen, true);
        if !rest(api).await {
            return Ok(());
        }
    }
}

/// Shows one object, once or as it changes.
pub async fn one(
    api: &Api,
    is_watched: bool,
    out: &OutArgs,
    view: &View,
    mut fetch: impl AsyncFnMut() -> Result<Value>,
) -> Result {
    let mut seen = Changes::default();
    loop {
        let value = fetch().await?;
        if !is_watched {
            out.one(view, &value);
            return Ok(());
        }
        show(out, view, std::slice::from_ref(&value), &mut seen, false);
        if !rest(api).await {
            return Ok(());
        }
    }
}

fn show(out: &OutArgs, view: &View, rows: &[Value], seen: &mut Changes, is_list: bool) {
    let drawn = out.is_for_people(is_list) && out::is_terminal();
    if !drawn {
        seen.of(|row| if is_list { view.id(row) } else { String::new() }, rows).iter().for_each(out::data);
    } else if is_list {
        out::redraw(&out.rows_text(view, rows, out::width()));
    } else {
        rows.iter().for_each(|row| out::redraw(&out.one_text(view, row, out::width())));
    }
}

/// Waits for the next look; false when `--timeout` is over.
async fn rest(api: &Api) -> bool {
    let next = Instant::now() + LOOK;
    let ends = api.deadline().filter(|end| *end <= next);
    tokio::time::sleep_until(ends.unwrap_or(next)).await;
    ends.is_none()
}

/// What was seen before, to tell what has changed.
#[derive(Default)]
pub struct Changes(BTreeMap<String, Value>);

impl Changes {
    /// The changes since the last time: `{"change": "added", "row": {…}}`, also `changed` and `removed`.
    pub fn of(&mut self, id: impl Fn(&Value) -> String, rows: &[Value]) -> Vec<Value> {
        let now: BTreeMap<String, Value> = rows.iter().map(|row| (id(row), row.clone())).collect();
        let mut changes = Vec::new();
        for row in rows {
            match self.0.get(&id(row)) {
                None => changes.push(json!({ "change": "added", "row": row })),
                Some(before) if before != row => changes.push(json!({ "change": "changed", "row": row })),
                Some(_) => {}
            }
        }
        let gone = self.0.iter().filter(|(id, _)| !now.contains_key(*id));
        changes.extend(gone.map(|(_, row)| json!({ "change": "removed", "row": row })));
        self.0 = now;
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_told() {
        let view = View { id: "/id", columns: &[] };
        let id = |row: &Value| view.id(row);
        let mut seen = Changes::default();
        let (a, b, b2) = (json!({ "id": "a" }), json!({ "id": "b" }), json!({ "id": "b", "x": 1 }));
        let told = |changes: Vec<Value>| {
            changes
                .iter()
                .map(|change| format!("{} {}", change["change"], change["row"]["id"]))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(seen.of(id, &[a.clone(), b.clone()])), [r#""added" "a""#, r#""added" "b""#]);
        assert!(seen.of(id, &[a.clone(), b]).is_empty());
        assert_eq!(told(seen.of(id, &[b2])), [r#""changed" "b""#, r#""removed" "a""#]);
        assert_eq!(told(seen.of(id, &[a])), [r#""added" "a""#, r#""removed" "b""#]);
    }
}
