//! Lines carried out: each pipeline becomes requests, and what is answered is printed as Exchange would.
//! Knows: what cmdlets mean ([`super::sense`]), requests and answers. Must not: know files or a node.

mod calls;
mod changes;

use super::bind::{Bound, OnError, bind};
use super::cmdlet::named;
use super::help;
use super::parse::{Call, Literal, Pipeline, pipelines};
use super::sense::{Action, Sense, action, parameter_of, sense};
use super::show::{Format, Shown, format, text};
use super::{ScriptError, token};
use crate::admin::command::{Answer, Changed, Force, Refusal, Request, Row, in_force};
use crate::admin::settings::Kind;

/// Gives a request to whoever carries it out; the error is a sentence for an administrator.
pub type Ask<'a> = dyn FnMut(Request) -> Result<Answer, AskError> + 'a;

/// Why a request came to nothing.
#[derive(Debug)]
pub enum AskError {
    Refused(Refusal),
    Failed(String),
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Some line could not be carried out.
    Failed,
}

/// Reads lines and carries them out.
pub struct Shell<'a> {
    pub ask: &'a mut Ask<'a>,
    /// Prints what a cmdlet puts out.
    pub print: &'a mut dyn FnMut(&str),
    /// Writes the records of a day to a file, and gives back its name or why there is none.
    pub export: &'a mut dyn FnMut(jiff::civil::Date, Vec<Row>) -> Result<String, String>,
    /// Prints warnings and errors.
    pub warn: &'a mut dyn FnMut(&str),
    /// What `Get-` cmdlets print when no line says otherwise.
    pub json: bool,
}

/// What comes behind a cmdlet in its pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feeds {
    Nobody,
    Printing,
    Cmdlet,
}

/// The identities of what came through a pipe, if all of it is of that kind.
fn of_kind(piped: Vec<Shown>, kind: Kind, bound: &Bound) -> Result<Vec<String>, ScriptError> {
    let objects = piped.into_iter().map(|shown| shown.object.filter(|object| object.kind == kind));
    match objects.collect::<Option<Vec<_>>>() {
        Some(objects) => Ok(objects.into_iter().map(|object| object.identity).collect()),
        None => bound.error(format!("{} cannot use what comes through the pipe", bound.cmdlet.name)),
    }
}

/// Commands at the head of scripts that load Exchange's own cmdlets.
const LOADING: [&str; 5] =
    ["add-pssnapin", "import-module", "set-executionpolicy", "set-strictmode", "import-pssession"];

impl Shell<'_> {
    /// A command line that a Unix shell has split.
    pub fn run_arguments(&mut self, arguments: &[String]) -> Outcome {
        let lines = token::arguments(arguments).and_then(pipelines);
        self.run(lines, |error| error.message.clone())
    }

    /// A script; `name` stands before line numbers.
    pub fn run_script(&mut self, name: &str, text: &str) -> Outcome {
        let lines = token::script(text).and_then(pipelines);
        self.run(lines, |error| format!("{name}:{}: {}", error.line, error.message))
    }

    /// Nothing is carried out of a script that cannot be read to its end.
    fn run(&mut self, lines: Result<Vec<Pipeline>, ScriptError>, shown: impl Fn(&ScriptError) -> String) -> Outcome {
        let lines = match lines {
            Ok(lines) => lines,
            Err(error) => {
                (self.warn)(&shown(&error));
                return Outcome::Failed;
            }
        };
        let mut outcome = Outcome::Done;
        let mut has_shown = false;
        for pipeline in lines {
            let mut on_error = OnError::Stop;
            if let Err(error) = self.pipeline(pipeline, &mut on_error, &mut has_shown) {
                if on_error != OnError::Silent {
                    (self.warn)(&shown(&error));
                    outcome = Outcome::Failed;
                }
                if on_error == OnError::Stop {
                    return Outcome::Failed;
                }
            }
        }
        outcome
    }

    /// `has_shown`: objects were printed before; a blank line parts them from those that follow.
    fn pipeline(
        &mut self,
        pipeline: Pipeline,
        on_error: &mut OnError,
        has_shown: &mut bool,
    ) -> Result<(), ScriptError> {
        let mut objects: Option<Vec<Shown>> = None;
        let mut wanted = if self.json { Format::Json { compressed: false } } else { Format::List(Vec::new()) };
        let mut calls = pipeline.calls.into_iter().peekable();
        while let Some(call) = calls.next() {
            let lower = call.name.to_ascii_lowercase();
            if let Some(name) = help::asked(&call) {
                let text = match name.as_str() {
                    "" => help::names(),
                    name => help::text(named(name, call.line)?),
                };
                (self.print)(&text);
                return Ok(());
            }
            if LOADING.contains(&lower.as_str()) {
                (self.warn)(&format!("note: {} is ignored: the cmdlets are there already", call.name));
                return Ok(());
            }
            if ["write-host", "write-output", "echo"].contains(&lower.as_str()) {
                let words = call.arguments.iter().filter_map(|argument| match argument {
                    super::parse::Argument::Value(value) => Some(value.members().join(" ")),
                    super::parse::Argument::Parameter { .. } => None,
                });
                (self.print)(&format!("{}\n", words.collect::<Vec<_>>().join(" ")));
                return Ok(());
            }
            if let Some(format) = format(&call)? {
                if objects.is_none() {
                    return Err(ScriptError::new(
                        call.line,
                        format!("{} has nothing to print; put a Get- cmdlet before it", call.name),
                    ));
                }
                wanted = format;
                continue;
            }
            let feeds = match calls.peek() {
                None => Feeds::Nobody,
                Some(next) => match super::show::format(next)? {
                    Some(_) => Feeds::Printing,
                    None => Feeds::Cmdlet,
                },
            };
            objects = Some(self.call(call, objects, feeds, on_error)?);
        }
        let text = text(&objects.unwrap_or_default(), &wanted);
        if !text.is_empty() {
            let is_for_people = matches!(wanted, Format::List(_) | Format::Table(_));
            (self.print)(&if *has_shown && is_for_people { format!("\n{text}") } else { text });
            *has_shown = true;
        }
        Ok(())
    }

    fn call(
        &mut self,
        call: Call,
        piped: Option<Vec<Shown>>,
        feeds: Feeds,
        on_error: &mut OnError,
    ) -> Result<Vec<Shown>, ScriptError> {
        let cmdlet = named(&call.name, call.line)?;
        if let Action::NotBuilt(part) = action(cmdlet.name) {
            return Err(ScriptError::new(
                call.line,
                format!("{} is not built yet (it belongs to {part})", cmdlet.name),
            ));
        }
        let bound = bind(cmdlet, call, piped.is_some())?;
        *on_error = bound.on_error;
        self.check(&bound)?;
        let action = action(cmdlet.name);
        let gives = matches!(
            action,
            Action::Get(_)
                | Action::New(_)
                | Action::EnableMailbox
                | Action::GetComponents
                | Action::ActiveCalls
                | Action::CallDataRecords
                | Action::SummaryReport
                | Action::TestCall
        );
        if feeds == Feeds::Cmdlet && !gives {
            return bound.error(format!("{} puts nothing into the pipe", cmdlet.name));
        }
        match action {
            Action::Get(kind) => match piped {
                None => self.get(kind, None, &bound),
                Some(_) if bound.get("Identity").is_some() => {
                    bound.error(format!("{} has an identity, and objects come through the pipe", cmdlet.name))
                }
                Some(objects) => {
                    let mut found = Vec::new();
                    for identity in of_kind(objects, kind, &bound)? {
                        found.extend(self.get(kind, Some(identity), &bound)?);
                    }
                    Ok(found)
                }
            },
            Action::GetComponents
            | Action::SetComponent
            | Action::ActiveCalls
            | Action::CallDataRecords
            | Action::ExportRecords
            | Action::SummaryReport
            | Action::TestCall
            | Action::Service { .. } => match piped {
                None => self.ask_node(None, &bound),
                Some(objects) => {
                    let mut found = Vec::new();
                    for server in of_kind(objects, Kind::Service, &bound)? {
                        found.extend(self.ask_node(Some(server), &bound)?);
                    }
                    Ok(found)
                }
            },
            _ => self.change(&bound, piped, feeds != Feeds::Nobody),
        }
    }

    /// Refuses parameters of parts that are not built, and says which are ignored.
    fn check(&mut self, bound: &Bound) -> Result<(), ScriptError> {
        for (name, value) in &bound.values {
            match sense(bound.cmdlet.name, name) {
                // a test call without what is not built is what is made
                Some(Sense::NotBuilt(_))
                    if action(bound.cmdlet.name) == Action::TestCall && *value == Literal::Switch(false) => {}
                Some(Sense::NotBuilt(part)) => {
                    return bound.error(format!("-{name} is not built yet (it belongs to {part})"));
                }
                Some(Sense::Ignored(reason)) => (self.warn)(&format!("note: -{name} is ignored: {reason}")),
                Some(_) => {}
                None => return bound.error(format!("-{name} of {} is not understood", bound.cmdlet.name)),
            }
        }
        Ok(())
    }

    /// What is answered; a refusal in Exchange's words.
    fn answer(&mut self, request: Request, bound: &Bound) -> Result<Answer, ScriptError> {
        let refused = match (self.ask)(request) {
            Ok(Answer::Refused(refusal)) | Err(AskError::Refused(refusal)) => refusal,
            Ok(answer) => return Ok(answer),
            Err(AskError::Failed(message)) => return bound.error(message),
        };
        let kinds: Vec<_> = match action(bound.cmdlet.name) {
            // the router's ports are among the service's parameters
            Action::Set(Kind::Service) => vec![Kind::Service, Kind::CallRouter],
            Action::New(kind) | Action::Set(kind) | Action::Get(kind) | Action::Remove(kind) => vec![kind],
            Action::EnableMailbox | Action::DisableMailbox => vec![Kind::Mailbox],
            _ => Vec::new(),
        };
        let spell = |key: &str| {
            let settings = kinds.iter().filter_map(|kind| kind.setting(key)).map(|setting| setting.parameter);
            let own = parameter_of(action(bound.cmdlet.name), key);
            let parameter = own.or_else(|| settings.into_iter().find(|parameter| !parameter.is_empty()));
            parameter.map_or_else(|| key.to_owned(), |parameter| format!("-{parameter}"))
        };
        bound.error(refused.show(spell))
    }

    fn say(&mut self, changed: &Changed) {
        let would = if changed.what_if { "What if: " } else { "" };
        let is_none = matches!(changed.force, Force::Unchanged) && !changed.what_if;
        for done in changed.done.iter().filter(|_| !is_none) {
            (self.print)(&format!("{would}{done}\n"));
        }
        match &changed.force {
            Force::Unchanged if !changed.what_if => (self.print)("nothing to change: it is so already\n"),
            Force::Unchanged => {}
            Force::Now { generation } => (self.print)(&format!("{}\n", in_force(*generation))),
            Force::Later(why) => (self.print)(&format!("written to {}; {why}\n", changed.files.join(", "))),
        }
    }
}
