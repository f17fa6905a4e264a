//! Values replaced and lists changed, with the layout around them kept.
//! Knows: TOML values. Must not: know keys.

use toml_edit::{Array, Value};

/// What is left of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Something,
    Nothing,
}

/// Puts a value in the place of another; a value that says the same stays as it is written.
pub(super) fn replace(old: &mut Value, new: Value) {
    if same(old, &new) {
        return;
    }
    if let (Value::Array(array), Value::Array(wanted)) = (&mut *old, &new) {
        let wanted: Vec<String> = wanted.iter().map(shown).collect();
        let kept: Vec<String> = array.iter().map(shown).filter(|member| wanted.contains(member)).collect();
        // a list that only grows at its end or loses members keeps its layout, and the comments in it
        if array.iter().all(Value::is_str) && wanted.starts_with(&kept) {
            array.retain(|member| wanted.contains(&shown(member)));
            for member in wanted {
                push(array, &member);
            }
            return;
        }
    }
    let decor = old.decor().clone();
    *old = new;
    *old.decor_mut() = decor;
}

/// Adds members that are not there yet. One text alone becomes a list.
pub(super) fn add(value: &mut Value, members: &[String]) {
    make_array(value);
    let Value::Array(array) = value else { return };
    for member in members {
        push(array, member);
    }
}

/// Takes members out.
pub(super) fn take(value: &mut Value, members: &[String]) -> Left {
    make_array(value);
    let Value::Array(array) = value else { return Left::Something };
    array.retain(|member| !members.iter().any(|gone| gone.eq_ignore_ascii_case(&shown(member))));
    if array.is_empty() { Left::Nothing } else { Left::Something }
}

fn push(array: &mut Array, member: &str) {
    if array.iter().any(|there| shown(there).eq_ignore_ascii_case(member)) {
        return;
    }
    let prefix = array.iter().last().and_then(|last| last.decor().prefix()?.as_str().map(str::to_owned));
    let mut value = Value::from(member);
    match prefix {
        // one member a line: the next gets its own, without the comment of the one before
        Some(prefix) if prefix.contains('\n') => {
            let indentation = prefix.rsplit('\n').next().unwrap_or_default();
            *value.decor_mut() = toml_edit::Decor::new(format!("\n{indentation}"), "");
            array.push_formatted(value);
        }
        _ => array.push(value),
    }
}

fn make_array(value: &mut Value) {
    if !value.is_array() {
        let decor = value.decor().clone();
        let mut array = Array::new();
        array.push(shown(value));
        *value = Value::Array(array);
        *value.decor_mut() = decor;
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other.iter()).all(|(one, other)| same(one, other))
        }
        (Value::Array(list), text) | (text, Value::Array(list)) => {
            list.len() == 1 && list.iter().all(|only| same(only, text))
        }
        (Value::String(one), Value::String(other)) => one.value() == other.value(),
        (Value::Integer(one), Value::Integer(other)) => one.value() == other.value(),
        (Value::Boolean(one), Value::Boolean(other)) => one.value() == other.value(),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.value().clone(),
        other => other.to_string().trim().to_owned(),
    }
}
