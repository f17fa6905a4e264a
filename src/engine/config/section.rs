//! One section of the node's configuration, read with types, ranges and defaults, from file and environment alike.
//! Knows: crate `config`'s values, where each came from. Must not: know which keys there are.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use config::{Value, ValueKind};
use toml_edit::{Document, TableLike};

use super::ENVIRONMENT_PREFIX;
use crate::directory::{Fault, Invalid, SourceFile, parse_duration, show_duration, unknown_key};

/// Faults with their places: `file:line` for what stands in the file, the variable's name for the environment.
pub(super) struct Report<'f> {
    pub file: &'f SourceFile,
    pub document: Document<&'f str>,
    pub faults: RefCell<Vec<Fault>>,
}

/// One table and the path to it.
pub(super) struct Section<'c> {
    path: Vec<&'static str>,
    table: Option<&'c config::Map<String, Value>>,
    report: &'c Report<'c>,
    asked: Vec<&'static str>,
}

impl Report<'_> {
    /// A fault of a key in the file, whether it stands there or is missed.
    pub fn add(&self, path: &[&str], message: impl Into<String>) {
        let fault =
            Fault { file: self.file.name.clone(), line: self.line(path), key: path.join("."), message: message.into() };
        self.faults.borrow_mut().push(fault);
    }

    fn add_from(&self, origin: Origin, path: &[&str], message: impl Into<String>) {
        if origin == Origin::File {
            return self.add(path, message);
        }
        let variable =
            path.iter().fold(ENVIRONMENT_PREFIX.to_owned(), |name, key| format!("{name}__{}", key.to_uppercase()));
        let fault = Fault { key: variable, ..Fault::of_file("environment", message) };
        self.faults.borrow_mut().push(fault);
    }

    /// The line of a key, or of the last table on the way to it.
    fn line(&self, path: &[&str]) -> Option<usize> {
        let mut table: &dyn TableLike = self.document.as_table();
        let mut offset = None;
        for key in path {
            let Some((key, item)) = table.get_key_value(key) else { break };
            offset = key.span().or(item.span()).map(|span| span.start).or(offset);
            let Some(next) = item.as_table_like() else { break };
            table = next;
        }
        let before = self.file.text.get(..offset?)?;
        Some(before.bytes().filter(|byte| *byte == b'\n').count() + 1)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    File,
    Environment,
}

impl<'c> Section<'c> {
    pub fn root(value: &'c Value, report: &'c Report<'c>) -> Section<'c> {
        Section { path: Vec::new(), table: table(value), report, asked: Vec::new() }
    }

    /// A section within this one; empty when it is not there.
    pub fn section(&mut self, key: &'static str) -> Section<'c> {
        let (path, report) = (self.path_to(key), self.report);
        let value = self.value(key);
        if let Some(value) = value.filter(|value| table(value).is_none()) {
            report.add_from(origin(value), &path, format!("is a section; write [{}]", path.join(".")));
        }
        Section { path, table: value.and_then(table), report, asked: Vec::new() }
    }

    pub fn is_there(&self) -> bool {
        self.table.is_some()
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Records a fault at a key.
    pub fn fault(&self, key: &'static str, message: impl Into<String>) {
        let value = self.table.and_then(|table| table.get(key));
        self.report.add_from(value.map_or(Origin::File, origin), &self.path_to(key), message);
    }

    /// A text that may be there.
    pub fn optional<T: FromStr<Err = Invalid>>(&mut self, key: &'static str) -> Option<T> {
        self.read(key, |value| text(value)?.parse())
    }

    /// A text with a default, which must be valid.
    pub fn text<T: FromStr<Err = Invalid>>(&mut self, key: &'static str, default: &str) -> Option<T> {
        match self.has(key) {
            true => self.optional(key),
            false => {
                self.asked.push(key);
                default.parse().ok()
            }
        }
    }

    /// A text that must be there.
    pub fn required<T: FromStr<Err = Invalid>>(&mut self, key: &'static str, why: &str) -> Option<T> {
        if !self.has(key) {
            self.fault(key, format!("is missing; {why}"));
        }
        self.optional(key)
    }

    /// A list of texts, in the environment separated by commas. Must not be empty.
    pub fn list<T: FromStr<Err = Invalid>>(&mut self, key: &'static str, default: &[&str]) -> Vec<T> {
        if !self.has(key) {
            self.asked.push(key);
            return default.iter().filter_map(|text| text.parse().ok()).collect();
        }
        let read = |value: &Value| -> Result<Vec<T>, Invalid> {
            let members: Vec<&str> = match &value.kind {
                ValueKind::Array(values) => values.iter().map(text).collect::<Result<_, _>>()?,
                _ => text(value)?.split(',').map(str::trim).filter(|member| !member.is_empty()).collect(),
            };
            match members.is_empty() {
                true => Err(Invalid("must not be empty".to_owned())),
                false => members.into_iter().map(str::parse).collect(),
            }
        };
        self.read(key, read).unwrap_or_default()
    }

    /// A whole number in a range.
    pub fn number<N>(&mut self, key: &'static str, range: RangeInclusive<N>, default: N) -> N
    where
        N: TryFrom<i64> + PartialOrd + fmt::Display + Copy,
    {
        let read = |value: &Value| {
            let number = match (&value.kind, origin(value)) {
                (ValueKind::I64(number), _) => Some(*number),
                (ValueKind::String(text), Origin::Environment) => text.trim().parse().ok(),
                _ => None,
            };
            let number = number.ok_or_else(|| Invalid("expected a whole number".to_owned()))?;
            let fits = N::try_from(number).ok().filter(|number| range.contains(number));
            fits.ok_or_else(|| out_of_range(&number, range.start(), range.end()))
        };
        self.read(key, read).unwrap_or(default)
    }

    /// A duration in a range.
    pub fn duration(&mut self, key: &'static str, range: RangeInclusive<Duration>, default: Duration) -> Duration {
        let read = |value: &Value| {
            let duration = parse_duration(text(value)?)?;
            let show = |duration: &Duration| show_duration(*duration);
            match range.contains(&duration) {
                true => Ok(duration),
                false => Err(out_of_range(&show(&duration), &show(range.start()), &show(range.end()))),
            }
        };
        self.read(key, read).unwrap_or(default)
    }

    /// Refuses what was not read: keys of parts that are not built yet (`later`) by name, all others with the nearest
    /// key that is known.
    pub fn finish(self, later: &[&str]) {
        let Some(table) = self.table else { return };
        let mut unknown: Vec<_> = table.iter().filter(|(key, _)| !self.asked.contains(&key.as_str())).collect();
        unknown.sort_by_key(|(key, _)| key.as_str());
        for (key, value) in unknown {
            let message = match later.contains(&key.as_str()) {
                true => "is not supported yet; take it out".to_owned(),
                false => unknown_key(key, self.asked.iter().copied()),
            };
            let path: Vec<&str> = self.path.iter().copied().chain([key.as_str()]).collect();
            self.report.add_from(origin(value), &path, message);
        }
    }

    fn read<T>(&mut self, key: &'static str, read: impl FnOnce(&Value) -> Result<T, Invalid>) -> Option<T> {
        let value = self.value(key)?;
        match read(value) {
            Ok(value) => Some(value),
            Err(Invalid(message)) => {
                self.report.add_from(origin(value), &self.path_to(key), message);
                None
            }
        }
    }

    fn value(&mut self, key: &'static str) -> Option<&'c Value> {
        self.asked.push(key);
        self.table?.get(key)
    }

    fn path_to(&self, key: &'static str) -> Vec<&'static str> {
        self.path.iter().copied().chain([key]).collect()
    }
}

/// Values of the file have no origin: it is handed in as text.
fn origin(value: &Value) -> Origin {
    match &value.kind {
        // a section may be made up of both; its own faults are then the environment's only if all of it is
        ValueKind::Table(table) if table.values().any(|value| origin(value) == Origin::File) => Origin::File,
        ValueKind::Table(table) if !table.is_empty() => Origin::Environment,
        _ if value.origin().is_some() => Origin::Environment,
        _ => Origin::File,
    }
}

fn table(value: &Value) -> Option<&config::Map<String, Value>> {
    match &value.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

fn text(value: &Value) -> Result<&str, Invalid> {
    match &value.kind {
        ValueKind::String(text) => Ok(text),
        _ => Err(Invalid("expected text in quotes".to_owned())),
    }
}

fn out_of_range(value: &dyn fmt::Display, least: &dyn fmt::Display, most: &dyn fmt::Display) -> Invalid {
    Invalid(format!("{value} is out of range; {least} to {most} is allowed"))
}
