//! The attributes of one element, each taken once; what is left over is nobody's.
//! Knows: how values are written. Must not: know which element has which.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use super::super::fault::Fault;
use super::super::xml::Element;

/// Attributes that change nothing here.
const OF_NO_EFFECT: &[&str] = &["crlf", "display", "hide", "counter", "ignoresdp"];

pub struct Attributes<'e> {
    pub element: &'e Element,
    taken: BTreeSet<&'static str>,
}

impl<'e> Attributes<'e> {
    pub fn of(element: &'e Element) -> Attributes<'e> {
        Attributes { element, taken: BTreeSet::new() }
    }

    pub fn text(&mut self, name: &'static str) -> Option<&'e str> {
        self.taken.insert(name);
        self.element.attribute(name)
    }

    pub fn needed(&mut self, name: &'static str) -> Result<&'e str, Fault> {
        self.text(name).ok_or_else(|| self.fault(format!("has no {name}")))
    }

    pub fn number<T: FromStr>(&mut self, name: &'static str) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.trim().parse();
        number.map(Some).map_err(|_| self.fault(format!("{name}=\"{text}\" is no number")))
    }

    pub fn milliseconds(&mut self, name: &'static str) -> Result<Option<Duration>, Fault> {
        Ok(self.number::<u64>(name)?.map(Duration::from_millis))
    }

    pub fn truth(&mut self, name: &'static str) -> Result<bool, Fault> {
        match self.text(name) {
            None | Some("false" | "0" | "no") => Ok(false),
            Some("true" | "1" | "yes") => Ok(true),
            Some(other) => Err(self.fault(format!("{name}=\"{other}\" is neither true nor false"))),
        }
    }

    /// Something of this element is wrong.
    pub fn fault(&self, message: impl std::fmt::Display) -> Fault {
        Fault::new(self.element.line, format!("<{}> {message}", self.element.name))
    }

    /// # Errors
    /// An attribute was asked for by nobody.
    pub fn end(self) -> Result<(), Fault> {
        let known = |name: &str| self.taken.contains(name) || OF_NO_EFFECT.contains(&name);
        match self.element.attributes.iter().find(|(name, _)| !known(name)) {
            Some((name, value)) => Err(self.fault(format!("{name}=\"{value}\" is not known here"))),
            None => Ok(()),
        }
    }
}
