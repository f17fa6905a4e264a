//! Lines of a script: pipelines of cmdlets with arguments.
//! Knows: tokens. Must not: know cmdlets or parameters.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::ScriptError;
use super::token::{Placed, Source, Token, Word};

/// Cmdlets joined by pipes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pipeline {
    pub line: usize,
    pub calls: Vec<Call>,
}

/// One cmdlet with what is said to it, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub line: usize,
    pub name: String,
    pub arguments: Vec<Argument>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    /// `-Name`, and what stands behind its colon.
    Parameter {
        name: String,
        value: Option<Literal>,
    },
    Value(Literal),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Text(Word),
    Switch(bool),
    Null,
    List(Vec<Literal>),
    Table(Vec<(String, Literal)>),
}

impl Literal {
    /// Text or a number, as it is written; `None` for anything else.
    pub fn text(&self) -> Option<&str> {
        match self {
            Literal::Text(word) => Some(&word.text),
            _ => None,
        }
    }

    /// The members of a list, or the one.
    pub fn members(&self) -> Vec<String> {
        match self {
            Literal::List(members) => members.iter().flat_map(Literal::members).collect(),
            Literal::Text(word) if word.of == Source::Argument => word
                .text
                .split(',')
                .map(|member| member.trim().to_owned())
                .filter(|member| !member.is_empty())
                .collect(),
            Literal::Text(word) => vec![word.text.clone()],
            Literal::Switch(switch) => vec![switch.to_string()],
            Literal::Null | Literal::Table(_) => Vec::new(),
        }
    }
}

/// All pipelines of a script.
pub(super) fn pipelines(tokens: Vec<Placed>) -> Result<Vec<Pipeline>, ScriptError> {
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), line: 1 };
    let mut out = Vec::new();
    while parser.tokens.peek().is_some() {
        if parser.take(&Token::End) {
            continue;
        }
        out.push(parser.pipeline()?);
    }
    Ok(out)
}

struct Parser {
    tokens: Peekable<IntoIter<Placed>>,
    line: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let placed = self.tokens.next()?;
        self.line = placed.line;
        Some(placed.token)
    }

    fn peek(&mut self) -> Option<&Token> {
        self.tokens.peek().map(|placed| &placed.token)
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.next();
        }
        found
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, ScriptError> {
        Err(ScriptError::new(self.line, message))
    }

    fn pipeline(&mut self) -> Result<Pipeline, ScriptError> {
        let line = self.tokens.peek().map_or(self.line, |placed| placed.line);
        let mut calls = vec![self.call()?];
        while self.take(&Token::Pipe) {
            calls.push(self.call()?);
        }
        match self.next() {
            None | Some(Token::End) => Ok(Pipeline { line, calls }),
            Some(other) => self.error(format!("{} is not expected here", shown(&other))),
        }
    }

    fn call(&mut self) -> Result<Call, ScriptError> {
        let line = self.tokens.peek().map_or(self.line, |placed| placed.line);
        let name = match self.next() {
            Some(Token::Word(word)) => word.text,
            Some(other) => return self.error(format!("a cmdlet is expected, {} is found", shown(&other))),
            None => return self.error("a cmdlet is expected behind the pipe"),
        };
        let mut arguments = Vec::new();
        loop {
            match self.peek() {
                None | Some(Token::End | Token::Pipe) => return Ok(Call { line, name, arguments }),
                Some(Token::Parameter { .. }) => {
                    let Some(Token::Parameter { name, has_value }) = self.next() else { continue };
                    let value = if has_value { Some(self.value()?) } else { None };
                    arguments.push(Argument::Parameter { name, value });
                }
                Some(_) => arguments.push(Argument::Value(self.value()?)),
            }
        }
    }

    /// One value, or several with commas between.
    fn value(&mut self) -> Result<Literal, ScriptError> {
        let first = self.single()?;
        if self.peek() != Some(&Token::Comma) {
            return Ok(first);
        }
        let mut members = vec![first];
        while self.take(&Token::Comma) {
            members.push(self.single()?);
        }
        Ok(Literal::List(members))
    }

    fn single(&mut self) -> Result<Literal, ScriptError> {
        match self.next() {
            Some(Token::Word(word)) => Ok(Literal::Text(word)),
            Some(Token::Switch(switch)) => Ok(Literal::Switch(switch)),
            Some(Token::Null) => Ok(Literal::Null),
            Some(Token::OpenList) => self.list(),
            Some(Token::OpenTable) => self.table(),
            Some(other) => self.error(format!("a value is expected, {} is found", shown(&other))),
            None => self.error("a value is expected"),
        }
    }

    fn list(&mut self) -> Result<Literal, ScriptError> {
        let begun = self.line;
        let mut members = Vec::new();
        loop {
            match self.peek() {
                None => return Err(ScriptError::new(begun, "the list that begins here has no )")),
                Some(Token::CloseList) => {
                    self.next();
                    return Ok(Literal::List(members));
                }
                Some(Token::Comma | Token::End) => drop(self.next()),
                Some(Token::Word(word)) if members.is_empty() && super::is_cmdlet(&word.text) => {
                    return self.error("cmdlets within ( … ) are not understood; write the value itself");
                }
                Some(_) => members.push(self.single()?),
            }
        }
    }

    fn table(&mut self) -> Result<Literal, ScriptError> {
        let begun = self.line;
        let mut entries = Vec::new();
        loop {
            match self.next() {
                None => return Err(ScriptError::new(begun, "the @{ that begins here has no }")),
                Some(Token::CloseTable) => return Ok(Literal::Table(entries)),
                Some(Token::End) => {}
                Some(Token::Word(word)) => {
                    if !self.take(&Token::Equals) {
                        return self.error(format!("= is expected behind {} in @{{ … }}", word.text));
                    }
                    entries.push((word.text, self.value()?));
                }
                Some(other) => {
                    return self.error(format!("a name is expected in @{{ … }}, {} is found", shown(&other)));
                }
            }
        }
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) => format!("\"{}\"", word.text),
        Token::Parameter { name, .. } => format!("-{name}"),
        Token::Switch(switch) => format!("${switch}"),
        Token::Null => "$null".to_owned(),
        Token::Comma => "a comma".to_owned(),
        Token::Pipe => "a pipe".to_owned(),
        Token::OpenList => "(".to_owned(),
        Token::CloseList => ")".to_owned(),
        Token::OpenTable => "@{".to_owned(),
        Token::CloseTable => "}".to_owned(),
        Token::Equals => "= (variables are not understood)".to_owned(),
        Token::End => "the end of the line".to_owned(),
    }
}
