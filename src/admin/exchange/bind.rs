//! Which argument is which parameter.
//! Knows: the table of cmdlets, PowerShell's rules of binding. Must not: know what a parameter means here.

use super::ScriptError;
use super::cmdlet::{Cmdlet, Parameter};
use super::parse::{Argument, Call, Literal};

/// A call whose arguments have names.
#[derive(Debug)]
pub(super) struct Bound {
    pub cmdlet: &'static Cmdlet,
    pub line: usize,
    /// In the order they were given.
    pub values: Vec<(&'static str, Literal)>,
    pub what_if: bool,
    pub on_error: OnError,
}

/// What an error does (`-ErrorAction`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnError {
    Stop,
    /// Say it, and go on with the next line.
    Continue,
    /// Go on.
    Silent,
}

impl Bound {
    pub fn get(&self, name: &str) -> Option<&Literal> {
        self.values.iter().find(|(given, _)| *given == name).map(|(_, value)| value)
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.text().map(str::to_owned)
    }

    /// True for `$true`; false when it is not given.
    pub fn is_true(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Literal::Switch(true)))
    }

    pub fn error<T>(&self, message: impl Into<String>) -> Result<T, ScriptError> {
        Err(ScriptError::new(self.line, message))
    }
}

/// `from_pipe`: the object comes from the cmdlet before, so the identity need not be given.
pub(super) fn bind(cmdlet: &'static Cmdlet, call: Call, from_pipe: bool) -> Result<Bound, ScriptError> {
    let Call { line, arguments, .. } = call;
    let mut values: Vec<(&'static str, Literal)> = Vec::new();
    let mut arguments = arguments.into_iter().peekable();
    let mut first = cmdlet.parameters.iter().find(|parameter| parameter.is_first);
    while let Some(argument) = arguments.next() {
        let (name, value) = match argument {
            Argument::Parameter { name, value } => {
                let named = cmdlet.parameter(&name, line)?;
                let value = match (value, named.is_switch) {
                    (Some(value), _) => value,
                    (None, true) => Literal::Switch(true),
                    (None, false) => match arguments.next_if(|next| matches!(next, Argument::Value(_))) {
                        Some(Argument::Value(value)) => value,
                        _ => return Err(ScriptError::new(line, no_value(named.name))),
                    },
                };
                (named.name, value)
            }
            Argument::Value(value) => match first.take() {
                Some(parameter) if !values.iter().any(|(given, _)| *given == parameter.name) => (parameter.name, value),
                _ => {
                    let shown = value.members().join(",");
                    let message =
                        format!("\"{shown}\" belongs to no parameter of {}; write -Name before it", cmdlet.name);
                    return Err(ScriptError::new(line, message));
                }
            },
        };
        if values.iter().any(|(given, _)| *given == name) {
            return Err(ScriptError::new(line, format!("-{name} is given twice")));
        }
        values.push((name, truth(cmdlet, name, value, line)?));
    }
    let is_given = |name: &str| values.iter().any(|(given, _)| *given == name);
    let is_piped = |parameter: &Parameter| from_pipe && parameter.is_first;
    let missing = cmdlet.parameters.iter().filter(|parameter| parameter.required && !is_piped(parameter));
    let missing = missing.filter(|parameter| !may_be_missing(cmdlet.name, parameter.name));
    let missing = missing.map(|parameter| parameter.name).find(|name| !is_given(name));
    if let Some(missing) = missing {
        return Err(ScriptError::new(line, format!("{} needs -{missing}", cmdlet.name)));
    }
    let mut bound = Bound { cmdlet, line, values, what_if: false, on_error: OnError::Stop };
    bound.what_if = bound.is_true("WhatIf");
    if bound.is_true("Confirm") {
        return bound.error("-Confirm would ask, and there is nobody to ask; leave it out, or use -WhatIf first");
    }
    if let Some(action) = bound.get("ErrorAction") {
        bound.on_error = match action.text().unwrap_or_default().to_ascii_lowercase().as_str() {
            "stop" | "1" => OnError::Stop,
            "continue" | "2" => OnError::Continue,
            "silentlycontinue" | "ignore" | "0" | "4" => OnError::Silent,
            _ => return bound.error("-ErrorAction is Stop, Continue, SilentlyContinue or Ignore"),
        };
    }
    Ok(bound)
}

/// Switches and Booleans are `$true` or `$false` and nothing else: what cannot be read must not mean no.
fn truth(cmdlet: &Cmdlet, name: &str, value: Literal, line: usize) -> Result<Literal, ScriptError> {
    if !cmdlet.is_truth(name) || matches!(value, Literal::Switch(_) | Literal::Null) {
        return Ok(value);
    }
    match value.text().unwrap_or_default().to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(Literal::Switch(true)),
        "false" | "0" => Ok(Literal::Switch(false)),
        _ => {
            let shown = value.members().join(",");
            Err(ScriptError::new(line, format!("-{name}: \"{shown}\" is neither $true nor $false")))
        }
    }
}

/// This node is meant when no server is named; records are written to the folder the command runs in.
fn may_be_missing(cmdlet: &str, parameter: &str) -> bool {
    let is_of_server = ["UMService", "UMServer", "ServerComponentState"].iter().any(|noun| cmdlet.ends_with(noun));
    is_of_server && parameter == "Identity" || parameter == "ClientStream"
}

fn no_value(name: &str) -> String {
    format!(
        "-{name} has no value. A Unix shell takes $true and $false away: put them in quotes ('$true'), or write true"
    )
}
