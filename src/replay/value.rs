//! Variables of a call: numbers, texts, truths.
//! Knows: what sipp takes one for another. Must not: know where they come from.

use std::fmt;

/// The value of a variable.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    #[default]
    Unset,
    Number(f64),
    Text(String),
    Truth(bool),
}

/// A variable of a scenario, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variable(pub usize);

impl Value {
    /// Whether a `test="…"` on it holds; the number 0 does not, as in sipp.
    pub fn is_set(&self) -> bool {
        match self {
            Value::Number(number) => *number != 0.0,
            Value::Truth(truth) => *truth,
            Value::Text(_) => true,
            Value::Unset => false,
        }
    }

    /// What calculations take it for.
    pub fn number(&self) -> f64 {
        match self {
            Value::Number(number) => *number,
            Value::Unset | Value::Text(_) | Value::Truth(_) => 0.0,
        }
    }

    /// What `<todouble>` makes of it; `None`: it is no number.
    pub fn to_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            Value::Truth(truth) => Some(f64::from(u8::from(*truth))),
            Value::Unset => None,
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Value::Text(text) => text,
            Value::Unset | Value::Number(_) | Value::Truth(_) => "",
        }
    }
}

/// As `[$name]` writes it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Value::Unset | Value::Truth(false) => Ok(()),
            Value::Number(number) => write!(f, "{number:.6}"),
            Value::Text(text) => f.write_str(text),
            Value::Truth(true) => f.write_str("true"),
        }
    }
}
