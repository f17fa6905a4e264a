//! The words and signs of a script.
//! Knows: how PowerShell quotes, escapes, comments and continues lines. Must not: know cmdlets.

use std::iter::Peekable;
use std::str::Chars;

use super::ScriptError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare word or a quoted text.
    Word(Word),
    /// `-Name`, or `-Name:` with its value behind the colon.
    Parameter {
        name: String,
        has_value: bool,
    },
    Switch(bool),
    Null,
    Comma,
    Pipe,
    /// `@(` or `(`
    OpenList,
    CloseList,
    /// `@{`
    OpenTable,
    CloseTable,
    Equals,
    /// The end of a line, or `;`.
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    pub of: Source,
}

/// Where a word stood: it says whether commas in it part members of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Bare,
    Quoted,
    /// A Unix shell has taken the quotes off.
    Argument,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub token: Token,
    pub line: usize,
}

/// The tokens of a script.
pub(super) fn script(text: &str) -> Result<Vec<Placed>, ScriptError> {
    let mut lexer = Lexer { chars: text.chars().peekable(), line: 1, tables: 0, lists: 0, out: Vec::new() };
    lexer.run()?;
    Ok(lexer.out)
}

/// The tokens of a command line that a Unix shell has split into words.
pub(super) fn arguments(arguments: &[String]) -> Result<Vec<Placed>, ScriptError> {
    let mut out = Vec::new();
    let put = |token: Token, out: &mut Vec<Placed>| out.push(Placed { token, line: 1 });
    for (at, argument) in arguments.iter().enumerate() {
        let is_code = ["@{", "@(", "$"].iter().any(|head| argument.starts_with(head));
        if is_code || at == 0 && argument.contains(char::is_whitespace) {
            out.extend(script(argument)?);
            // what closes an argument does not close the line
            while out.last().is_some_and(|last| last.token == Token::End) {
                out.pop();
            }
            continue;
        }
        match (argument.as_str(), parameter(argument)) {
            ("|", _) => put(Token::Pipe, &mut out),
            (_, Some((name, None))) => put(Token::Parameter { name, has_value: false }, &mut out),
            (_, Some((name, Some(value)))) => {
                put(Token::Parameter { name, has_value: true }, &mut out);
                match value.starts_with(['@', '$']) {
                    true => out.extend(script(value)?.into_iter().filter(|placed| placed.token != Token::End)),
                    false => put(Token::Word(Word { text: value.to_owned(), of: Source::Argument }), &mut out),
                }
            }
            (text, None) => put(Token::Word(Word { text: text.to_owned(), of: Source::Argument }), &mut out),
        }
    }
    put(Token::End, &mut out);
    Ok(out)
}

/// `-Name` or `-Name:value`; a minus before a digit is a number's.
fn parameter(argument: &str) -> Option<(String, Option<&str>)> {
    let rest = argument.strip_prefix('-')?;
    if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    match rest.split_once(':') {
        Some((name, value)) if name.chars().all(|c| c.is_ascii_alphanumeric()) => Some((name.to_owned(), Some(value))),
        _ => Some((rest.to_owned(), None)),
    }
}

struct Lexer<'t> {
    chars: Peekable<Chars<'t>>,
    line: usize,
    tables: usize,
    lists: usize,
    out: Vec<Placed>,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), ScriptError> {
        while let Some(c) = self.chars.next() {
            match c {
                '\n' => {
                    self.end_of_line();
                    self.line += 1;
                }
                ';' => self.put(Token::End),
                '#' => self.comment(),
                '<' if self.chars.peek() == Some(&'#') => self.block_comment()?,
                '`' => self.escape_between_words()?,
                ',' => self.put(Token::Comma),
                '|' => self.put(Token::Pipe),
                '(' => self.open_list(),
                ')' => {
                    self.lists = self.lists.saturating_sub(1);
                    self.put(Token::CloseList);
                }
                '}' if self.tables > 0 => {
                    self.tables -= 1;
                    self.put(Token::CloseTable);
                }
                '{' | '}' => return Err(self.error("script blocks { … } are not understood; write one cmdlet a line")),
                '=' => self.put(Token::Equals),
                '@' if self.chars.peek() == Some(&'{') => {
                    self.chars.next();
                    self.tables += 1;
                    self.put(Token::OpenTable);
                }
                '@' if self.chars.peek() == Some(&'(') => {
                    self.chars.next();
                    self.open_list();
                }
                '@' if self.chars.peek().is_some_and(|next| is_single(*next) || is_double(*next)) => {
                    return Err(self.error("here-strings @\" … \"@ are not understood; write the text in quotes"));
                }
                '$' => self.variable()?,
                c if is_dash(c) && self.chars.peek().is_some_and(char::is_ascii_alphabetic) => self.parameter(),
                c if is_single(c) || is_double(c) => {
                    let text = self.quoted(c)?;
                    self.put(Token::Word(Word { text, of: Source::Quoted }));
                }
                c if c.is_whitespace() || c == '\u{feff}' => {}
                c => self.word(c)?,
            }
        }
        self.end_of_line();
        self.put(Token::End);
        Ok(())
    }

    fn put(&mut self, token: Token) {
        self.out.push(Placed { token, line: self.line });
    }

    fn error(&self, message: &str) -> ScriptError {
        ScriptError::new(self.line, message)
    }

    /// A line goes on behind a pipe or a comma, and in lists and tables.
    fn end_of_line(&mut self) {
        let goes_on = matches!(self.out.last(), Some(Placed { token: Token::Pipe | Token::Comma, .. }));
        if self.tables > 0 || self.lists == 0 && !goes_on {
            self.put(Token::End);
        }
    }

    fn open_list(&mut self) {
        self.lists += 1;
        self.put(Token::OpenList);
    }

    fn comment(&mut self) {
        while self.chars.next_if(|c| *c != '\n').is_some() {}
    }

    fn block_comment(&mut self) -> Result<(), ScriptError> {
        let begun = self.line;
        self.chars.next();
        while let Some(c) = self.chars.next() {
            match c {
                '\n' => self.line += 1,
                '#' if self.chars.peek() == Some(&'>') => {
                    self.chars.next();
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(ScriptError::new(begun, "the comment that begins here with <# has no #>"))
    }

    /// A backtick at the end of a line joins it to the next; before anything else it begins a word.
    fn escape_between_words(&mut self) -> Result<(), ScriptError> {
        self.chars.next_if_eq(&'\r');
        match self.chars.next() {
            Some('\n') => {
                self.line += 1;
                Ok(())
            }
            Some(c) => self.word(escaped(c)),
            None => Ok(()),
        }
    }

    fn variable(&mut self) -> Result<(), ScriptError> {
        let mut name = String::new();
        while let Some(c) = self.chars.next_if(|c| c.is_ascii_alphanumeric() || "_:".contains(*c)) {
            name.push(c);
        }
        match name.to_ascii_lowercase().as_str() {
            "true" => self.put(Token::Switch(true)),
            "false" => self.put(Token::Switch(false)),
            "null" => self.put(Token::Null),
            _ => return Err(self.error(&no_variable(&name))),
        }
        Ok(())
    }

    fn parameter(&mut self) {
        let mut name = String::new();
        while let Some(c) = self.chars.next_if(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)) {
            name.push(c);
        }
        let has_value = self.chars.next_if_eq(&':').is_some();
        self.put(Token::Parameter { name, has_value });
    }

    fn quoted(&mut self, quote: char) -> Result<String, ScriptError> {
        let begun = self.line;
        let ends = if is_single(quote) { is_single } else { is_double };
        let mut text = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                // a doubled quote is one
                c if ends(c) => match self.chars.next_if(|next| ends(*next)) {
                    Some(_) => text.push(c),
                    None => return Ok(text),
                },
                '`' if is_double(quote) => {
                    let next = self.chars.next().unwrap_or('`');
                    self.line += usize::from(next == '\n');
                    text.push(escaped(next));
                }
                '$' if is_double(quote)
                    && self.chars.peek().is_some_and(|next| next.is_ascii_alphabetic() || "_{(".contains(*next)) =>
                {
                    let rest: String = self.chars.clone().take_while(char::is_ascii_alphanumeric).collect();
                    return Err(self.error(&no_variable(&rest)));
                }
                '\n' => {
                    self.line += 1;
                    text.push(c);
                }
                c => text.push(c),
            }
        }
        Err(ScriptError::new(begun, "the text that begins here has no closing quote"))
    }

    fn word(&mut self, first: char) -> Result<(), ScriptError> {
        let mut text = String::from(first);
        let in_table = self.tables > 0;
        while let Some(c) = self.chars.peek().copied() {
            if c.is_whitespace() || ",;|(){}".contains(c) || in_table && c == '=' {
                break;
            }
            self.chars.next();
            match c {
                '`' => text.extend(self.chars.next().map(escaped)),
                // quotes within a word are none of its text
                c if is_single(c) || is_double(c) => text.push_str(&self.quoted(c)?),
                c => text.push(c),
            }
        }
        self.put(Token::Word(Word { text, of: Source::Bare }));
        Ok(())
    }
}

fn no_variable(name: &str) -> String {
    format!("variables (${name}) are not understood, except $true, $false and $null; write the value itself")
}

fn escaped(c: char) -> char {
    match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        c => c,
    }
}

// PowerShell takes the quotes and dashes that word processors make of those on the keyboard
fn is_single(c: char) -> bool {
    "'\u{2018}\u{2019}\u{201a}\u{201b}".contains(c)
}

fn is_double(c: char) -> bool {
    "\"\u{201c}\u{201d}\u{201e}".contains(c)
}

fn is_dash(c: char) -> bool {
    "-\u{2013}\u{2014}\u{2015}".contains(c)
}
