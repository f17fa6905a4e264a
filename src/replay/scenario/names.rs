//! What a scenario calls its variables, and the keys it was given from outside.
//! Knows: names. Must not: hold values of a call.

use std::collections::BTreeMap;

use super::super::value::Variable;

/// Variables in the order they are first named, and what `--set` said.
#[derive(Debug, Clone, Default)]
pub struct Names {
    variables: Vec<String>,
    global: Vec<Variable>,
    keys: BTreeMap<String, String>,
}

impl Names {
    pub fn new(keys: BTreeMap<String, String>) -> Names {
        Names { keys, ..Names::default() }
    }

    /// The variable of this name, which may be new.
    pub fn variable(&mut self, name: &str) -> Variable {
        let name = name.trim();
        match self.variables.iter().position(|known| known == name) {
            Some(at) => Variable(at),
            None => {
                self.variables.push(name.to_owned());
                Variable(self.variables.len() - 1)
            }
        }
    }

    /// It is one for all calls.
    pub fn make_global(&mut self, variable: Variable) {
        if !self.global.contains(&variable) {
            self.global.push(variable);
        }
    }

    pub fn is_global(&self, variable: Variable) -> bool {
        self.global.contains(&variable)
    }

    /// What `[name]` stands for.
    pub fn key(&self, name: &str) -> Option<&str> {
        self.keys.get(name).map(String::as_str)
    }

    /// The variables' names, by their places.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }
}
