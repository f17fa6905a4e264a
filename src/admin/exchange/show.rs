//! Objects as Exchange's shell prints them: lists, tables, JSON.
//! Knows: names and values. Must not: know where they come from.

use serde_json::{Map, Value as Json, json};

use super::ScriptError;
use super::parse::{Argument, Call};
use crate::admin::command::{Object, Row};
use crate::admin::settings::Value;

/// One object with its properties in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    pub properties: Vec<(String, Json)>,
    /// What the next cmdlet of a pipeline needs.
    pub object: Option<Object>,
}

/// How objects are printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    List(Vec<String>),
    Table(Vec<String>),
    Json { compressed: bool },
    Nothing,
}

impl Shown {
    pub fn object(object: Object) -> Shown {
        let mut properties = vec![("Identity".to_owned(), json!(object.identity))];
        for setting in object.kind.working() {
            let name = property(setting.key, setting.parameter);
            let value = object.values.get(setting.key).cloned().map(|value| setting.to_exchange(value));
            let value = match value {
                None if setting.is_list() => json!([]),
                None => Json::Null,
                Some(Value::Switch(switch)) => json!(switch),
                Some(Value::Number(number)) => json!(number),
                Some(Value::Text(text)) => json!(text),
                Some(Value::List(members)) => json!(members),
            };
            properties.push((name, value));
        }
        Shown { properties, object: Some(object) }
    }

    /// The properties that are named, each with the column it is in (`audio_quality.nmos`: within another).
    pub fn properties(row: Row, wanted: &[(&str, &str)]) -> Shown {
        let value = |path: &str| {
            let (column, within) = path.split_once('.').map_or((path, None), |(column, within)| (column, Some(within)));
            let value = row.get(column)?;
            within.map_or(Some(value), |within| value.get(within)).cloned()
        };
        let property =
            |(name, path): &(&str, &str)| ((*name).to_owned(), spelled(path, value(path).unwrap_or(Json::Null)));
        Shown { properties: wanted.iter().map(property).collect(), object: None }
    }

    /// Columns of the node's are spelled as properties.
    pub fn row(row: Row) -> Shown {
        let shown = |(name, value): (String, Json)| (property(&name, ""), spelled(&name, value));
        let properties = row.into_iter().map(shown).collect();
        Shown { properties, object: None }
    }
}

/// A value as Exchange writes it: numbers with two decimals, times as `2026-11-26 14:03:07Z`, names of call types in words.
fn spelled(key: &str, value: Json) -> Json {
    match value {
        Json::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or_default();
            json!((number * 100.0).round() / 100.0)
        }
        Json::String(text) if key == "call_start_time" => match text.parse::<jiff::Timestamp>() {
            Ok(time) => json!(time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()),
            Err(_) => Json::String(text),
        },
        Json::String(text) if key == "call_type" && !ONE_WORD.contains(&text.as_str()) => {
            let mut words = String::new();
            for sign in text.chars() {
                if sign.is_ascii_uppercase() && !words.is_empty() {
                    words.push(' ');
                }
                words.push(sign);
            }
            json!(words)
        }
        value => value,
    }
}

/// Call types that Exchange writes as one word.
const ONE_WORD: [&str; 2] = ["PlayOnPhone", "PromptProvisioning"];

/// What a call behind the last pipe says about printing; `None`: it is no such call.
pub(super) fn format(call: &Call) -> Result<Option<Format>, ScriptError> {
    let names = || -> Vec<String> {
        let values = call.arguments.iter().filter_map(|argument| match argument {
            Argument::Value(value) => Some(value.members()),
            Argument::Parameter { value, .. } => value.as_ref().map(super::parse::Literal::members),
        });
        let split =
            values.flatten().flat_map(|name| name.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>());
        split.filter(|name| !name.is_empty()).collect()
    };
    let has = |wanted: &str| {
        call.arguments.iter().any(|argument| {
            matches!(argument, Argument::Parameter { name, .. } if wanted.to_lowercase().starts_with(&name.to_lowercase()))
        })
    };
    Ok(match call.name.to_ascii_lowercase().as_str() {
        "format-list" | "fl" => Some(Format::List(names())),
        "format-table" | "ft" => Some(Format::Table(names())),
        "convertto-json" => Some(Format::Json { compressed: has("Compress") }),
        "out-null" => Some(Format::Nothing),
        "out-default" | "out-host" | "out-string" => Some(Format::List(Vec::new())),
        "select-object" | "select" | "where-object" | "where" | "?" | "foreach-object" | "foreach" | "%"
        | "sort-object" | "sort" | "measure-object" | "measure" | "group-object" | "export-csv" | "out-file"
        | "tee-object" => {
            let message = format!(
                "{} is not understood; behind a pipe there may be another cmdlet, Format-List, Format-Table, ConvertTo-Json or Out-Null",
                call.name
            );
            return Err(ScriptError::new(call.line, message));
        }
        _ => None,
    })
}

/// The text that is printed, with a line end unless it is empty.
pub(super) fn text(objects: &[Shown], format: &Format) -> String {
    match format {
        Format::Nothing => String::new(),
        Format::Json { compressed } => json_text(objects, *compressed),
        Format::List(names) => objects.iter().map(|object| list(&select(object, names))).collect::<Vec<_>>().join("\n"),
        Format::Table(names) => table(objects, names),
    }
}

fn json_text(objects: &[Shown], compressed: bool) -> String {
    let objects: Vec<Json> = objects
        .iter()
        .map(|object| Json::Object(object.properties.iter().cloned().collect::<Map<String, Json>>()))
        .collect();
    // as in Exchange's shell, one object stands alone
    let value = match objects.as_slice() {
        [] => return String::new(),
        [one] => one.clone(),
        _ => Json::Array(objects),
    };
    let text = if compressed { serde_json::to_string(&value) } else { serde_json::to_string_pretty(&value) };
    format!("{}\n", text.unwrap_or_default())
}

fn list(properties: &[(String, Json)]) -> String {
    let width = properties.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    properties.iter().map(|(name, value)| format!("{name:width$} : {}\n", cell(value))).collect()
}

/// So many columns a table has that names none.
const COLUMNS: usize = 5;

fn table(objects: &[Shown], names: &[String]) -> String {
    let Some(first) = objects.first() else { return String::new() };
    let head: Vec<String> = match names {
        [] => first.properties.iter().take(COLUMNS).map(|(name, _)| name.clone()).collect(),
        names => select(first, names).into_iter().map(|(name, _)| name).collect(),
    };
    let rule: Vec<String> = head.iter().map(|name| "-".repeat(name.chars().count())).collect();
    let mut rows = vec![head.clone(), rule];
    for object in objects {
        rows.push(select(object, &head).iter().map(|(_, value)| cell(value)).collect());
    }
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join(" ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// The properties that are asked for, in that order; `*` for any characters.
fn select(object: &Shown, names: &[String]) -> Vec<(String, Json)> {
    if names.is_empty() {
        return object.properties.clone();
    }
    let mut out: Vec<(String, Json)> = Vec::new();
    for name in names {
        let found =
            object.properties.iter().filter(|(property, _)| fits(&property.to_lowercase(), &name.to_lowercase()));
        for (property, value) in found {
            if !out.iter().any(|(there, _)| there == property) {
                out.push((property.clone(), value.clone()));
            }
        }
    }
    out
}

fn fits(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|left| {
            let ends: Vec<usize> = left.char_indices().map(|(at, _)| at).chain([left.len()]).collect();
            ends.into_iter().any(|at| left.get(at..).is_some_and(|left| fits(left, rest)))
        }),
    }
}

fn cell(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(members) => format!("{{{}}}", members.iter().map(cell).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Exchange's name; for what Exchange does not have, ours spelled its way: `e164_numbers` is `E164Numbers`.
fn property(key: &str, parameter: &str) -> String {
    if !parameter.is_empty() {
        return parameter.to_owned();
    }
    key.split('_')
        .map(|part| {
            let mut chars = part.chars();
            chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>()
        })
        .collect()
}
