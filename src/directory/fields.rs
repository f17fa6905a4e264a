//! The keys of one object's TOML table, read with their types, ranges and defaults; what nobody read is a fault.
//! Knows: TOML values, places in files. Must not: know which keys an object has.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use toml_edit::{Item, Table, Value};

use super::names::{Invalid, fold};
use super::source::{Faults, Located, Place};
use super::{parse_duration, show_duration};

/// One table being read. Every getter records a fault when the value is not allowed and then goes on with the default,
/// so that one pass finds all faults; nothing that was read counts once a fault was recorded.
pub(crate) struct Fields<'t> {
    table: &'t Table,
    place: Place,
    faults: &'t Faults<'t>,
    asked: Vec<&'static str>,
    faults_before: usize,
}

/// A setting with a fixed set of values, spelled as Exchange spells them, read in any case.
pub(crate) trait Choice: Copy + 'static {
    const VALUES: &'static [(&'static str, Self)];
}

impl<'t> Fields<'t> {
    /// `file` numbers the source file.
    pub fn new(table: &'t Table, file: usize, faults: &'t Faults<'t>) -> Fields<'t> {
        let offset = table.span().map_or(0, |span| span.start);
        let place = Place { file, offset };
        Fields { table, place, faults, asked: Vec::new(), faults_before: faults.count() }
    }

    /// Where the object begins.
    pub fn place(&self) -> Place {
        self.place
    }

    /// True while this table gave no fault.
    pub fn is_sound(&self) -> bool {
        self.faults.count() == self.faults_before
    }

    /// Records a fault at a key, or at the object when the key is not there.
    pub fn fault(&self, key: &str, message: impl Into<String>) {
        self.faults.add(self.place_of_key(key), key, message);
    }

    /// Where a key stands, or the object when the key is not there.
    pub fn place_of_key(&self, key: &str) -> Place {
        self.table.get_key_value(key).map_or(self.place, |(key, item)| self.place_of(key.span().or(item.span())))
    }

    /// The text of a key without recording anything: for the name of an object that may be faulty elsewhere.
    pub fn glance<T: FromStr>(&self, key: &str) -> Option<T> {
        self.table.get(key)?.as_str()?.parse().ok()
    }

    /// A text that must be there.
    pub fn required<T: FromStr<Err = Invalid>>(&mut self, key: &'static str) -> Option<Located<T>> {
        if !self.table.contains_key(key) {
            self.asked.push(key);
            self.fault(key, "is missing");
            return None;
        }
        self.optional(key)
    }

    /// A text that may be there.
    pub fn optional<T: FromStr<Err = Invalid>>(&mut self, key: &'static str) -> Option<Located<T>> {
        let place = self.table.get(key).map(|item| self.place_of(item.span()))?;
        let value = self.read(key, |value| text(value)?.parse())?;
        Some(Located { value, place })
    }

    /// A text with a default.
    pub fn text<T: FromStr<Err = Invalid>>(&mut self, key: &'static str, default: &str) -> Option<T> {
        match self.table.contains_key(key) {
            true => self.optional(key).map(|located| located.value),
            false => {
                self.asked.push(key);
                default.parse().ok()
            }
        }
    }

    /// A list of texts, or one text alone; empty when it is not there. Bad members are faults and left out.
    pub fn list<T: FromStr<Err = Invalid>>(&mut self, key: &'static str) -> Vec<Located<T>> {
        let faults = self.faults;
        let Some(value) = self.read(key, Ok) else { return Vec::new() };
        let members: Vec<&Value> = match value {
            Value::Array(array) => array.iter().collect(),
            one => vec![one],
        };
        let mut out = Vec::with_capacity(members.len());
        for member in members {
            let place = self.place_of(member.span());
            match text(member).and_then(str::parse) {
                Ok(value) => out.push(Located { value, place }),
                Err(Invalid(message)) => faults.add(place, key, message),
            }
        }
        out
    }

    /// `true` or `false`.
    pub fn switch(&mut self, key: &'static str, default: bool) -> bool {
        let read = |value: &Value| value.as_bool().ok_or_else(|| expected("true or false", value));
        self.read(key, read).unwrap_or(default)
    }

    /// A whole number in a range.
    pub fn number<N>(&mut self, key: &'static str, range: RangeInclusive<N>, default: N) -> N
    where
        N: TryFrom<i64> + PartialOrd + fmt::Display + Copy,
    {
        self.read(key, |value| whole_number(value, &range)).unwrap_or(default)
    }

    /// A whole number in a range that must be there.
    pub fn required_number<N>(&mut self, key: &'static str, range: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<i64> + PartialOrd + fmt::Display + Copy,
    {
        if !self.table.contains_key(key) {
            self.fault(key, format!("is missing; {} to {} is allowed", range.start(), range.end()));
        }
        self.read(key, |value| whole_number(value, &range))
    }

    /// A whole number in a range that may be there.
    pub fn optional_number<N>(&mut self, key: &'static str, range: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<i64> + PartialOrd + fmt::Display + Copy,
    {
        self.read(key, |value| whole_number(value, &range))
    }

    /// A duration in a range.
    pub fn duration(&mut self, key: &'static str, range: RangeInclusive<Duration>, default: Duration) -> Duration {
        let read = |value: &Value| {
            let duration = parse_duration(text(value)?)?;
            match range.contains(&duration) {
                true => Ok(duration),
                false => Err(out_of_range(
                    &show_duration(duration),
                    &show_duration(*range.start()),
                    &show_duration(*range.end()),
                )),
            }
        };
        self.read(key, read).unwrap_or(default)
    }

    /// One of a set of values.
    pub fn choice<C: Choice>(&mut self, key: &'static str, default: C) -> C {
        self.read(key, |value| choose(text(value)?)).unwrap_or(default)
    }

    /// One of a set of values that may be there.
    pub fn optional_choice<C: Choice>(&mut self, key: &'static str) -> Option<C> {
        self.read(key, |value| choose(text(value)?))
    }

    /// Refuses what was not read: keys of parts that are not built yet by name, all others with the nearest key that is
    /// known. `later` are keys Exchange has for this object.
    pub fn finish(self, later: &[&'static str]) {
        for (key, item) in self.table.iter() {
            if self.asked.contains(&key) {
                continue;
            }
            let place = self.table.get_key_value(key).and_then(|(key, _)| key.span()).or(item.span());
            let message = match later.contains(&key) {
                true => "is not supported yet; take it out".to_owned(),
                false => unknown_key(key, self.asked.iter().copied()),
            };
            self.faults.add(self.place_of(place), key, message);
        }
    }

    /// Reads one key with `read`; `None` when it is not there or not allowed.
    fn read<T>(&mut self, key: &'static str, read: impl FnOnce(&'t Value) -> Result<T, Invalid>) -> Option<T> {
        self.asked.push(key);
        let item = self.table.get(key)?;
        let outcome = match item {
            Item::Value(value) => read(value),
            _ => Err(Invalid("expected a value, found a table".to_owned())),
        };
        match outcome {
            Ok(value) => Some(value),
            Err(Invalid(message)) => {
                self.faults.add(self.place_of(item.span()), key, message);
                None
            }
        }
    }

    fn place_of(&self, span: Option<std::ops::Range<usize>>) -> Place {
        Place { file: self.place.file, offset: span.map_or(self.place.offset, |span| span.start) }
    }
}

/// Reads a [`Choice`] in any case.
pub(crate) fn choose<C: Choice>(text: &str) -> Result<C, Invalid> {
    let found = C::VALUES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = C::VALUES.iter().map(|(name, _)| *name).collect();
        Invalid(format!("\"{text}\" is not allowed; allowed are {}", names.join(", ")))
    })
}

/// What to say about a key that nothing reads.
pub(crate) fn unknown_key(key: &str, known: impl Iterator<Item = &'static str>) -> String {
    match nearest(key, known) {
        Some(near) => format!("is not known here; did you mean {near}?"),
        None => "is not known here".to_owned(),
    }
}

/// The candidate most like a text that was perhaps mistyped; `None` when none is near.
pub(crate) fn nearest<'c>(text: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    // Exchange's cmdlets put UM before the names that objects have here without it
    let typed = fold(text);
    let plain = typed.strip_prefix("um_").unwrap_or(&typed);
    candidates
        .map(|candidate| (distance(plain, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(plain.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

pub(crate) fn out_of_range(value: &str, least: &str, most: &str) -> Invalid {
    Invalid(format!("{value} is out of range; {least} to {most} is allowed"))
}

fn whole_number<N>(value: &Value, range: &RangeInclusive<N>) -> Result<N, Invalid>
where
    N: TryFrom<i64> + PartialOrd + fmt::Display + Copy,
{
    let number = value.as_integer().ok_or_else(|| expected("a whole number", value))?;
    let fits = N::try_from(number).ok().filter(|number| range.contains(number));
    fits.ok_or_else(|| out_of_range(&number.to_string(), &range.start().to_string(), &range.end().to_string()))
}

fn text(value: &Value) -> Result<&str, Invalid> {
    value.as_str().ok_or_else(|| expected("text in quotes", value))
}

fn expected(what: &str, found: &Value) -> Invalid {
    let found = match found {
        Value::String(text) => format!("the text \"{}\"", text.value()),
        Value::Integer(number) => number.value().to_string(),
        Value::Float(number) => number.value().to_string(),
        Value::Boolean(switch) => switch.value().to_string(),
        Value::Datetime(_) => "a date".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::InlineTable(_) => "a table".to_owned(),
    };
    Invalid(format!("expected {what}, found {found}"))
}

/// Edits (insert, delete, replace, swap of neighbours) from one text to the other; long texts are never near.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, edits) | (edits, 0) => edits,
                _ => {
                    let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let swapped = (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                        .then(|| rows[i - 2][j - 2] + 1);
                    let edited = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    swapped.map_or(edited, |swapped| swapped.min(edited))
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_far_ones_are_not() {
        let known = ["uri_type", "dial_plan", "extensions", "port"];
        for (typed, near) in [
            ("ur_type", Some("uri_type")),
            ("uir_type", Some("uri_type")),
            ("UM_Dial_Plan", Some("dial_plan")),
            ("extension", Some("extensions")),
            ("prt", Some("port")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known.into_iter()), near, "{typed}");
        }
    }
}
