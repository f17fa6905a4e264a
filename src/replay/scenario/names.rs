//! What a scenario calls its variables, and the keys it was given from outside.
//! Knows: names. Must not: hold values of a call.

use std::collections::BTreeMap;

use super::super::value::Variable;

/// Variables in the order they are first named, and what `--set` said.
#[derive(Debug, Clone, Default)]
pub struct Names {
    variables: Vec<String>,
    /// How often each is named.
    named: Vec<usize>,
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
            Some(at) => {
                if let Some(named) = self.named.get_mut(at) {
                    *named += 1;
                }
                Variable(at)
            }
            None => {
                self.variables.push(name.to_owned());
                self.named.push(1);
                Variable(self.variables.len() - 1)
            }
        }
    }

    /// Those that are named once: never set, or never used. sipp refuses them, too.
    pub fn lonely(&self) -> impl Iterator<Item = &str> {
        let all = self.variables.iter().zip(&self.named).enumerate();
        let lonely = all.filter(|(at, (_, named))| **named == 1 && !self.is_global(Variable(*at)));
        lonely.map(|(_, (name, _))| name.as_str())
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
