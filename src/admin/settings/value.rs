//! Values as commands carry them, between TOML, JSON, options and Exchange's spelling.
//! Knows: types of settings. Must not: know ranges (the directory refuses what is out of them).

use serde::{Deserialize, Serialize};
use toml_edit::Array;

use super::{Kind, Setting, Type};
use crate::directory::parse_duration;

/// A value of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Switch(bool),
    Number(i64),
    Text(String),
    List(Vec<String>),
}

/// What is done to a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Set(Value),
    /// Back to the default.
    Unset,
    /// Members of a list come in; those that are there already stay as they are.
    Add(Vec<String>),
    /// Members of a list go; those that are not there are none the less gone.
    Remove(Vec<String>),
}

/// A change of one setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    pub key: String,
    pub change: Change,
}

impl Edit {
    pub fn set(key: impl Into<String>, value: Value) -> Edit {
        Edit { key: key.into(), change: Change::Set(value) }
    }

    pub fn text(key: impl Into<String>, text: impl Into<String>) -> Edit {
        Edit::set(key, Value::Text(text.into()))
    }
}

impl Value {
    /// As text, without quotes.
    pub fn show(&self) -> String {
        match self {
            Value::Switch(switch) => switch.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            Value::List(members) => members.join(", "),
        }
    }

    fn members(self) -> Vec<String> {
        match self {
            Value::List(members) => members,
            one => vec![one.show()],
        }
    }
}

impl Setting {
    /// The TOML value that a file gets. What the directory refuses by itself passes through: it says best what is wrong.
    ///
    /// # Errors
    /// A value that cannot be written as one of this type.
    pub fn to_toml(&self, value: Value) -> Result<toml_edit::Value, String> {
        let expected = |what: &str, value: &Value| Err(format!("expected {what}, found {}", value.show()));
        match (self.of, value) {
            (Type::Switch, Value::Switch(switch)) => Ok(switch.into()),
            (Type::Switch, value) => match value.show().to_ascii_lowercase().as_str() {
                "true" | "$true" | "1" => Ok(true.into()),
                "false" | "$false" | "0" => Ok(false.into()),
                _ => expected("true or false", &value),
            },
            (Type::Number { .. }, Value::Number(number)) => Ok(number.into()),
            (Type::Number { .. }, value) => match value.show().trim().parse::<i64>() {
                Ok(number) => Ok(number.into()),
                Err(_) => expected("a whole number", &value),
            },
            (Type::Minutes { .. }, value) => Ok(with_unit(&value.show(), 'm').into()),
            (Type::Seconds { .. }, value) => Ok(with_unit(&value.show(), 's').into()),
            (Type::List(_) | Type::References(_), value) => Ok(array(value.members()).into()),
            (Type::Choice(names), value) => {
                let text = value.show();
                let named = names.iter().find(|name| name.eq_ignore_ascii_case(text.trim()));
                Ok(named.map_or(text.clone(), |name| (*name).to_owned()).into())
            }
            (Type::Text(_) | Type::Reference(_), Value::List(members)) => match members.as_slice() {
                [one] => Ok(one.clone().into()),
                members => Err(format!("expected one value, found {}", members.len())),
            },
            (Type::Text(_) | Type::Reference(_), value) => Ok(value.show().into()),
        }
    }

    /// The value in a file; `None` for what no setting can hold.
    pub fn from_toml(&self, value: &toml_edit::Value) -> Option<Value> {
        let text = |value: &toml_edit::Value| match value {
            toml_edit::Value::String(text) => Some(text.value().clone()),
            toml_edit::Value::Integer(number) => Some(number.value().to_string()),
            _ => None,
        };
        match value {
            toml_edit::Value::Array(members) => Some(Value::List(members.iter().filter_map(text).collect())),
            toml_edit::Value::Boolean(switch) => Some(Value::Switch(*switch.value())),
            toml_edit::Value::Integer(number) => Some(Value::Number(*number.value())),
            // one text alone is a list of one
            value if self.is_list() => Some(Value::List(vec![text(value)?])),
            value => Some(Value::Text(text(value)?)),
        }
    }

    /// As Exchange counts: durations are numbers of the parameter's unit, everything else stays.
    pub fn to_exchange(&self, value: Value) -> Value {
        let units = |value: &Value, seconds: u64| {
            let duration = parse_duration(&value.show()).ok()?.as_secs();
            i64::try_from(duration / seconds).ok().map(Value::Number)
        };
        match self.of {
            Type::Minutes { .. } => units(&value, 60).unwrap_or(value),
            Type::Seconds { .. } => units(&value, 1).unwrap_or(value),
            _ => value,
        }
    }
}

impl Kind {
    /// Keys of this kind that hold names of objects of another.
    pub fn references_to(self, to: Kind) -> impl Iterator<Item = &'static Setting> {
        self.working().filter(move |setting| match setting.of {
            Type::Reference(kind) | Type::References(kind) => kind == to,
            _ => false,
        })
    }
}

fn array(members: Vec<String>) -> Array {
    members.into_iter().collect()
}

/// A number alone is one of the setting's unit, as in Exchange.
fn with_unit(text: &str, unit: char) -> String {
    let text = text.trim();
    match !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        true => format!("{text}{unit}"),
        false => text.to_owned(),
    }
}
