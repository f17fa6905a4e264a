//! Exchange's cmdlets and their parameters: all of them, as `cmdlets.tsv` lists them.
//! Knows: the table. Must not: know what a parameter means here.

use std::sync::LazyLock;

use super::ScriptError;

/// A cmdlet of Exchange 2013 or 2016.
#[derive(Debug)]
pub(super) struct Cmdlet {
    pub name: &'static str,
    pub parameters: Vec<Parameter>,
}

#[derive(Debug)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub of: &'static str,
    /// In every way of calling the cmdlet.
    pub required: bool,
    /// Given without its name.
    pub is_first: bool,
}

/// What every cmdlet takes: name, alias, whether it is a switch.
pub(super) const COMMON: [(&str, &str, bool); 11] = [
    ("Verbose", "vb", true),
    ("Debug", "db", true),
    ("ErrorAction", "ea", false),
    ("WarningAction", "wa", false),
    ("InformationAction", "infa", false),
    ("ErrorVariable", "ev", false),
    ("WarningVariable", "wv", false),
    ("InformationVariable", "iv", false),
    ("OutVariable", "ov", false),
    ("OutBuffer", "ob", false),
    ("PipelineVariable", "pv", false),
];

static CMDLETS: LazyLock<Vec<Cmdlet>> = LazyLock::new(|| read(include_str!("cmdlets.tsv")));

/// The verbs of Exchange's cmdlets: what begins so is no noun of ours.
const VERBS: [&str; 12] =
    ["get", "set", "new", "remove", "enable", "disable", "test", "export", "import", "add", "clear", "invoke"];

/// True for what is spelled like a cmdlet, in any case: `Get-UMDialPlan`.
pub fn is_cmdlet(word: &str) -> bool {
    let Some((verb, noun)) = word.split_once('-') else { return false };
    let is_verb = VERBS.iter().any(|known| known.eq_ignore_ascii_case(verb));
    is_verb && noun.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// All of them.
pub(super) fn all() -> &'static [Cmdlet] {
    &CMDLETS
}

/// The cmdlet of a name, in any case.
pub(super) fn named(name: &str, line: usize) -> Result<&'static Cmdlet, ScriptError> {
    if let Some(found) = CMDLETS.iter().find(|cmdlet| cmdlet.name.eq_ignore_ascii_case(name)) {
        return Ok(found);
    }
    let near = crate::directory::nearest(name, CMDLETS.iter().map(|cmdlet| cmdlet.name));
    let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    Err(ScriptError::new(line, format!("{name} is no cmdlet of Unified Messaging{hint}")))
}

/// A parameter as a line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub name: &'static str,
    pub is_switch: bool,
}

impl Cmdlet {
    /// Whether a parameter is a switch or a Boolean.
    pub fn is_truth(&self, name: &str) -> bool {
        let own = self.parameters.iter().find(|parameter| parameter.name == name);
        let common = || COMMON.iter().any(|(known, _, is_switch)| *is_switch && *known == name);
        own.map_or_else(common, |parameter| parameter.is_switch() || parameter.of == "Boolean")
    }

    /// The parameter a name means: exactly, by its alias, or by a beginning that only it has.
    pub fn parameter(&self, given: &str, line: usize) -> Result<Named, ScriptError> {
        let own =
            self.parameters.iter().map(|parameter| Named { name: parameter.name, is_switch: parameter.is_switch() });
        let common = COMMON.iter().map(|(name, _, is_switch)| Named { name, is_switch: *is_switch });
        let all: Vec<Named> = own.chain(common).collect();
        let alias = match given.to_ascii_lowercase().as_str() {
            "cf" => Some("Confirm"),
            "wi" => Some("WhatIf"),
            given => COMMON.iter().find(|(_, alias, _)| *alias == given).map(|(name, _, _)| *name),
        };
        let exact = all.iter().find(|named| named.name.eq_ignore_ascii_case(alias.unwrap_or(given)));
        if let Some(exact) = exact {
            return Ok(*exact);
        }
        let begins =
            |named: &&Named| named.name.get(..given.len()).is_some_and(|head| head.eq_ignore_ascii_case(given));
        let found: Vec<&Named> = all.iter().filter(begins).collect();
        match found.as_slice() {
            [one] => Ok(**one),
            [] => {
                let near = crate::directory::nearest(given, all.iter().map(|named| named.name));
                let hint = near.map(|near| format!("; did you mean -{near}?")).unwrap_or_default();
                Err(ScriptError::new(line, format!("{} has no parameter -{given}{hint}", self.name)))
            }
            several => {
                let names: Vec<String> = several.iter().map(|named| format!("-{}", named.name)).collect();
                Err(ScriptError::new(line, format!("-{given} may mean {}; write more of it", names.join(", "))))
            }
        }
    }
}

impl Parameter {
    pub fn is_switch(&self) -> bool {
        self.of == "SwitchParameter"
    }
}

fn read(table: &'static str) -> Vec<Cmdlet> {
    let mut cmdlets: Vec<Cmdlet> = Vec::new();
    for line in table.lines().skip(1) {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        let (cmdlet, name, of, required, _default, accepted) = (next(), next(), next(), next(), next(), next());
        let parameter = Parameter {
            name,
            of,
            required: required == "True" && !accepted.contains("sets:"),
            is_first: accepted.contains("position 1"),
        };
        match cmdlets.last_mut().filter(|last| last.name == cmdlet) {
            Some(last) => last.parameters.push(parameter),
            None => cmdlets.push(Cmdlet { name: cmdlet, parameters: vec![parameter] }),
        }
    }
    cmdlets
}
