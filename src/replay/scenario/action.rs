//! What is done with a message, or beside one.
//! Knows: every `<action>`. Must not: do any of it.

use std::path::PathBuf;

use regex_lite::{Regex, RegexBuilder};

use super::super::fault::Fault;
use super::super::value::Variable;
use super::super::xml::Element;
use super::attributes::Attributes;
use super::distribution::Distribution;
use super::names::Names;
use super::template::{Part, Template};

#[derive(Debug, Clone)]
pub enum Action {
    Extract(Extraction),
    Log(Template),
    Warn(Template),
    AssignText { to: Variable, text: Template },
    Calculate { to: Variable, operation: Operation, operand: Operand },
    Test { to: Option<Variable>, left: Variable, comparison: Comparison, right: Operand, check: Condition },
    CompareText { to: Option<Variable>, left: Variable, right: TextOperand, check: Condition },
    ToNumber { to: Variable, from: Variable },
    Trim(Variable),
    UrlEncode(Variable),
    UrlDecode(Variable),
    Sample { to: Variable, distribution: Distribution },
    TimeOfDay { seconds: Variable, microseconds: Variable },
    StepNumber(Variable),
    SetDestination { host: Template, port: Template, transport: Template },
    VerifyAuthentication { to: Variable, username: Template, password: Template },
    Jump(Operand),
    Stream { file: PathBuf, loops: i64, payload: u8 },
    PauseStream,
    ResumeStream,
    PlayPcap(PathBuf),
    PlayDtmf(Template),
    Echo(bool),
    Command(Template),
    StopCall,
    StopGracefully,
    StopNow,
}

/// `<ereg>`
#[derive(Debug, Clone)]
pub struct Extraction {
    pub pattern: Regex,
    pub place: Place,
    pub check: Condition,
    /// The whole match, then the groups.
    pub to: Vec<Variable>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Message,
    Body,
    Header { name: String, any_case: bool, occurrence: usize, at_line_start: bool },
    Variable(Variable),
}

/// What a check demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    None,
    Holds,
    HoldsNot,
}

/// What a check has found wanting; the call fails at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    NoMatch,
    UnwantedMatch,
    NoHeader,
    TestFails,
    TestHolds,
    TextsDiffer,
    TextsAreEqual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operand {
    Number(f64),
    Variable(Variable),
}

#[derive(Debug, Clone)]
pub enum TextOperand {
    Text(String),
    Variable(Variable),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Assign,
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
}

impl Comparison {
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Greater => left > right,
            Comparison::Less => left < right,
            Comparison::GreaterOrEqual => left >= right,
            Comparison::LessOrEqual => left <= right,
        }
    }
}

impl Action {
    /// The actions of one element inside `<action>`.
    pub(super) fn read(element: &Element, names: &mut Names) -> Result<Vec<Action>, Fault> {
        let mut attributes = Attributes::of(element);
        let actions = match element.name.as_str() {
            "exec" => return execute(attributes, names),
            name => action(name, &mut attributes, names)?,
        };
        attributes.end()?;
        if let Some(child) = element.children.first() {
            return Err(Fault::new(child.line, format!("<{}> has nothing to do in <{}>", child.name, element.name)));
        }
        Ok(vec![actions])
    }
}

fn action(name: &str, attributes: &mut Attributes, names: &mut Names) -> Result<Action, Fault> {
    Ok(match name {
        "ereg" => Action::Extract(extraction(attributes, names)?),
        "log" => Action::Log(template(attributes, "message", names)?),
        "warning" => Action::Warn(template(attributes, "message", names)?),
        "assignstr" => Action::AssignText {
            to: variable(attributes, "assign_to", names)?,
            text: template(attributes, "value", names)?,
        },
        "assign" => calculation(Operation::Assign, attributes, names)?,
        "add" => calculation(Operation::Add, attributes, names)?,
        "subtract" => calculation(Operation::Subtract, attributes, names)?,
        "multiply" => calculation(Operation::Multiply, attributes, names)?,
        "divide" => calculation(Operation::Divide, attributes, names)?,
        "test" => test(attributes, names)?,
        "strcmp" => compare_text(attributes, names)?,
        "todouble" => Action::ToNumber {
            to: variable(attributes, "assign_to", names)?,
            from: variable(attributes, "variable", names)?,
        },
        "trim" => Action::Trim(variable(attributes, "assign_to", names)?),
        "urlencode" => Action::UrlEncode(variable(attributes, "variable", names)?),
        "urldecode" => Action::UrlDecode(variable(attributes, "variable", names)?),
        "sample" => {
            let to = variable(attributes, "assign_to", names)?;
            let distribution = Distribution::read(attributes)?;
            let distribution = distribution.ok_or_else(|| attributes.fault("has no distribution"))?;
            Action::Sample { to, distribution }
        }
        "gettimeofday" => {
            let to = variables(attributes, names)?;
            let [seconds, microseconds] = to[..] else {
                return Err(attributes.fault("needs two variables in assign_to, for seconds and microseconds"));
            };
            Action::TimeOfDay { seconds, microseconds }
        }
        "index" => Action::StepNumber(variable(attributes, "assign_to", names)?),
        "setdest" => Action::SetDestination {
            host: template(attributes, "host", names)?,
            port: template(attributes, "port", names)?,
            transport: template(attributes, "protocol", names)?,
        },
        "verifyauth" => Action::VerifyAuthentication {
            to: variable(attributes, "assign_to", names)?,
            username: template(attributes, "username", names)?,
            password: template(attributes, "password", names)?,
        },
        "jump" => Action::Jump(operand(attributes, "variable", names)?),
        other => return Err(Fault::new(attributes.element.line, format!("<{other}> is no action that is known here"))),
    })
}

fn variable(attributes: &mut Attributes, name: &'static str, names: &mut Names) -> Result<Variable, Fault> {
    Ok(names.variable(attributes.needed(name)?))
}

fn variables(attributes: &mut Attributes, names: &mut Names) -> Result<Vec<Variable>, Fault> {
    Ok(attributes.needed("assign_to")?.split(',').map(|name| names.variable(name)).collect())
}

fn template(attributes: &mut Attributes, name: &'static str, names: &mut Names) -> Result<Template, Fault> {
    let text = attributes.needed(name)?;
    Template::read(text, attributes.element.line, names)
}

/// `value`, or the variable in the attribute of this name.
fn operand(attributes: &mut Attributes, other: &'static str, names: &mut Names) -> Result<Operand, Fault> {
    match (attributes.number("value")?, attributes.text(other)) {
        (Some(number), None) => Ok(Operand::Number(number)),
        (None, Some(name)) => Ok(Operand::Variable(names.variable(name))),
        (Some(_), Some(_)) => Err(attributes.fault(format!("has both value and {other}"))),
        (None, None) => Err(attributes.fault(format!("has neither value nor {other}"))),
    }
}

fn calculation(operation: Operation, attributes: &mut Attributes, names: &mut Names) -> Result<Action, Fault> {
    let to = variable(attributes, "assign_to", names)?;
    Ok(Action::Calculate { to, operation, operand: operand(attributes, "variable", names)? })
}

fn condition(attributes: &mut Attributes) -> Result<Condition, Fault> {
    match (attributes.truth("check_it")?, attributes.truth("check_it_inverse")?) {
        (false, false) => Ok(Condition::None),
        (true, false) => Ok(Condition::Holds),
        (false, true) => Ok(Condition::HoldsNot),
        (true, true) => Err(attributes.fault("has both check_it and check_it_inverse")),
    }
}

/// Where the outcome of a check goes, which may be nowhere.
fn outcome(attributes: &mut Attributes, check: Condition, names: &mut Names) -> Result<Option<Variable>, Fault> {
    match check {
        Condition::None => variable(attributes, "assign_to", names).map(Some),
        Condition::Holds | Condition::HoldsNot => Ok(attributes.text("assign_to").map(|name| names.variable(name))),
    }
}

fn test(attributes: &mut Attributes, names: &mut Names) -> Result<Action, Fault> {
    let check = condition(attributes)?;
    let to = outcome(attributes, check, names)?;
    let left = variable(attributes, "variable", names)?;
    let comparison = match attributes.needed("compare")? {
        "equal" => Comparison::Equal,
        "not_equal" => Comparison::NotEqual,
        "greater_than" => Comparison::Greater,
        "less_than" => Comparison::Less,
        "greater_than_equal" => Comparison::GreaterOrEqual,
        "less_than_equal" => Comparison::LessOrEqual,
        other => return Err(attributes.fault(format!("compare=\"{other}\" is not known here"))),
    };
    Ok(Action::Test { to, left, comparison, right: operand(attributes, "variable2", names)?, check })
}

fn compare_text(attributes: &mut Attributes, names: &mut Names) -> Result<Action, Fault> {
    let check = condition(attributes)?;
    let to = outcome(attributes, check, names)?;
    let left = variable(attributes, "variable", names)?;
    let right = match (attributes.text("value"), attributes.text("variable2")) {
        (Some(text), None) => TextOperand::Text(text.to_owned()),
        (None, Some(name)) => TextOperand::Variable(names.variable(name)),
        _ => return Err(attributes.fault("needs either value or variable2")),
    };
    Ok(Action::CompareText { to, left, right, check })
}

fn extraction(attributes: &mut Attributes, names: &mut Names) -> Result<Extraction, Fault> {
    let expression = attributes.needed("regexp")?;
    let any_case = attributes.truth("case_indep")?;
    let at_line_start = attributes.truth("start_line")?;
    let occurrence = attributes.number("occurrence")?.or(attributes.number("occurence")?).unwrap_or(1);
    let header = attributes.text("header");
    let looked_in = attributes.text("variable");
    let place = match (attributes.text("search_in").unwrap_or("msg"), header, looked_in) {
        ("msg", ..) => Place::Message,
        ("body", ..) => Place::Body,
        ("hdr", Some(name), _) => Place::Header { name: name.to_owned(), any_case, occurrence, at_line_start },
        ("hdr", None, _) => return Err(attributes.fault("search_in=\"hdr\" needs a header")),
        ("var", _, Some(name)) => Place::Variable(names.variable(name)),
        ("var", _, None) => return Err(attributes.fault("search_in=\"var\" needs a variable")),
        (other, ..) => return Err(attributes.fault(format!("search_in=\"{other}\" is not known here"))),
    };
    let check = condition(attributes)?;
    let pattern = regular(attributes, expression, false)?;
    Ok(Extraction { pattern, place, check, to: variables(attributes, names)? })
}

/// A POSIX extended regular expression, as far as it is one of this library too.
pub(super) fn regular(attributes: &Attributes, expression: &str, any_case: bool) -> Result<Regex, Fault> {
    let built = RegexBuilder::new(expression).case_insensitive(any_case).dot_matches_new_line(true).build();
    built.map_err(|error| attributes.fault(format!("regexp=\"{expression}\": {error}")))
}

/// `<exec>`: each of its attributes is an action of its own.
fn execute(mut attributes: Attributes, names: &mut Names) -> Result<Vec<Action>, Fault> {
    let mut actions = Vec::new();
    if let Some(stream) = attributes.text("rtp_stream") {
        actions.push(rtp_stream(&attributes, stream)?);
    }
    if let Some(file) = attributes.text("play_pcap_audio") {
        actions.push(Action::PlayPcap(PathBuf::from(file)));
    }
    if let Some(keys) = attributes.text("play_dtmf") {
        let written = Template::read(keys, attributes.element.line, names)?;
        let is_key = |sign: char| "0123456789*#ABCDabcd,".contains(sign);
        if let [Part::Text(keys)] = written.parts.as_slice()
            && let Some(odd) = keys.chars().find(|sign| !is_key(*sign))
        {
            return Err(attributes.fault(format!("play_dtmf: \"{odd}\" is no key")));
        }
        actions.push(Action::PlayDtmf(written));
    }
    if let Some(echo) = attributes.number::<f64>("rtp_echo")? {
        actions.push(Action::Echo(echo != 0.0));
    }
    if let Some(command) = attributes.text("command") {
        actions.push(Action::Command(Template::read(command, attributes.element.line, names)?));
    }
    if let Some(command) = attributes.text("int_cmd") {
        actions.push(match command {
            "stop_call" => Action::StopCall,
            "stop_gracefully" => Action::StopGracefully,
            "stop_now" => Action::StopNow,
            other => return Err(attributes.fault(format!("int_cmd=\"{other}\" is not known here"))),
        });
    }
    if actions.is_empty() {
        let names: Vec<_> = attributes.element.attributes.iter().map(|(name, _)| name.as_str()).collect();
        return Err(attributes.fault(format!("{} is not known here", names.join(", "))));
    }
    attributes.end()?;
    Ok(actions)
}

fn rtp_stream(attributes: &Attributes, text: &str) -> Result<Action, Fault> {
    let wrong = |what: &str| attributes.fault(format!("rtp_stream=\"{text}\": {what}"));
    let mut parts = text.split(',').map(str::trim);
    let file = parts.next().unwrap_or_default();
    match file {
        "pause" => return Ok(Action::PauseStream),
        "resume" => return Ok(Action::ResumeStream),
        "" => return Err(wrong("there is no file in it")),
        pattern if pattern.starts_with("apattern") || pattern.starts_with("vpattern") => {
            return Err(wrong("patterns are not known here"));
        }
        _ => {}
    }
    let loops = parts.next().map_or(Ok(1), str::parse).map_err(|_| wrong("how often is no number"))?;
    let payload = parts.next().map_or(Ok(0), str::parse).map_err(|_| wrong("the payload type is no number"))?;
    match payload {
        0 | 8 => Ok(Action::Stream { file: PathBuf::from(file), loops, payload }),
        _ => Err(wrong("of payload types, 0 (PCMU) and 8 (PCMA) are known here")),
    }
}
