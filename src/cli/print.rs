//! Answers as people read them, or as JSON.
//! Knows: terminals' widths do not matter, columns do. Must not: know what an answer means.

use serde_json::{Map, json};

use crate::admin::command::{Changed, Force, Object, Row, in_force};

/// Prints what somebody may or may not read.
pub(super) fn out(text: std::fmt::Arguments) {
    let _ = std::io::Write::write_fmt(&mut std::io::stdout(), text);
}

/// Objects: one in full, all of them as a table of what is set.
pub(super) fn objects(objects: &[Object], as_table: bool, as_json: bool) {
    if as_json {
        let list: Vec<serde_json::Value> = objects.iter().map(object_json).collect();
        let value = match (as_table, list.as_slice()) {
            (false, [one]) => one.clone(),
            _ => serde_json::Value::Array(list),
        };
        return say!("{}", pretty(&value));
    }
    match as_table {
        true => print_table(&columns(objects)),
        false => objects.iter().for_each(print_object),
    }
}

/// What a node tells of calls, components, workers.
pub(super) fn rows(rows: &[Row], as_json: bool) {
    if as_json {
        return say!("{}", pretty(&json!(rows)));
    }
    let Some(first) = rows.first() else { return say!("none") };
    let mut table = vec![first.keys().map(|key| key.replace('_', "-").to_uppercase()).collect::<Vec<_>>()];
    table.extend(rows.iter().map(|row| row.values().map(shown).collect()));
    print_table(&table);
}

fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "-".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(members) => {
            let text = |member: &serde_json::Value| member.as_str().map_or_else(|| member.to_string(), str::to_owned);
            members.iter().map(text).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// One row, a line a field.
pub(super) fn record(row: &Row) {
    let width = row.keys().map(String::len).max().unwrap_or_default();
    row.iter().for_each(|(key, value)| say!("{:width$}  {}", key.replace('_', "-"), shown(value)));
}

/// What a change did, to people.
pub(super) fn changed(changed: &Changed) {
    let would = if changed.what_if { "what if: " } else { "" };
    changed.done.iter().for_each(|done| say!("{would}{done}"));
    match &changed.force {
        Force::Unchanged if changed.what_if => {}
        Force::Unchanged => say!("nothing to change: it is so already"),
        Force::Now { generation } => say!("{}", in_force(*generation)),
        Force::Later(why) => say!("written to {}; {why}", changed.files.join(", ")),
    }
}

/// The object as programs read it: by keys, with defaults.
pub(super) fn object_json(object: &Object) -> serde_json::Value {
    let mut map = Map::new();
    map.insert("identity".to_owned(), json!(object.identity));
    for setting in object.kind.working() {
        map.insert(setting.key.to_owned(), json!(object.values.get(setting.key)));
    }
    serde_json::Value::Object(map)
}

pub(super) fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn print_object(object: &Object) {
    let settings: Vec<_> = object.kind.working().collect();
    let width = settings.iter().map(|setting| setting.option().len()).max().unwrap_or_default();
    for setting in settings {
        let value = object.values.get(setting.key).map(|value| value.show());
        let is_default = object.defaults.iter().any(|key| key == setting.key);
        let shown = match (value, is_default) {
            (Some(value), true) => format!("{value} (default)"),
            (Some(value), false) => value,
            (None, _) => "-".to_owned(),
        };
        say!("{:width$}  {shown}", setting.option());
    }
    if !object.file.is_empty() {
        say!("{:width$}  {}", "in file", object.file);
    }
}

/// The identity and every setting that some object has.
fn columns(objects: &[Object]) -> Vec<Vec<String>> {
    let Some(first) = objects.first() else { return Vec::new() };
    let is_set = |key: &str| objects.iter().any(|object| !object.defaults.iter().any(|default| default == key));
    let identity = first.kind.identity();
    let columns: Vec<_> =
        first.kind.working().filter(|setting| setting.key != identity && is_set(setting.key)).collect();
    let head =
        std::iter::once(identity.to_uppercase()).chain(columns.iter().map(|setting| setting.option().to_uppercase()));
    let mut rows = vec![head.collect::<Vec<_>>()];
    for object in objects {
        let cells =
            columns.iter().map(|setting| object.values.get(setting.key).map_or("-".to_owned(), |value| value.show()));
        rows.push(std::iter::once(object.identity.clone()).chain(cells).collect());
    }
    rows
}

/// Columns two blanks apart, as wide as their widest cell.
pub(super) fn print_table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        say!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}
