//! Templates with a call's own words in them.
//! Knows: what each keyword stands for at this moment. Must not: send what it makes.

use std::fmt::Write;
use std::rc::Rc;
use std::time::Instant;

use super::super::digest::{self, Challenge};
use super::super::message;
use super::super::scenario::{Authentication, Field, Keyword, Part, Template};
use super::super::setup::Setup;
use super::super::value::Value;
use super::{Call, Shared};

/// What can only be written when all else is there.
#[derive(Default)]
struct Later<'t> {
    /// Where Content-Length's value goes, and what is added to it.
    lengths: Vec<(usize, i64)>,
    authentication: Option<(usize, &'t Authentication)>,
}

impl Call {
    /// A message of the scenario, ready to be sent.
    ///
    /// # Errors
    /// A sentence: what it needs is not there.
    pub(super) fn message(
        &mut self,
        now: Instant,
        template: &Template,
        step: usize,
        shared: &Shared,
    ) -> Result<Rc<str>, String> {
        let mut later = Later::default();
        let mut text = self.fill(now, template, step, shared, &mut later)?;
        let header_ends = text.find("\r\n\r\n").map_or(text.len(), |at| at + 4);
        let body_length = text.len() - header_ends;
        // from the last to the first: an insertion moves only what is behind it
        let mut insertions: Vec<(usize, String)> = Vec::new();
        for (at, more) in later.lengths {
            let length = i64::try_from(body_length).unwrap_or(0) + more;
            insertions.push((at, length.max(0).to_string()));
        }
        if let Some((at, authentication)) = later.authentication {
            let line = self.credentials(now, authentication, &text, header_ends, shared)?;
            insertions.push((at, line));
        }
        insertions.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        for (at, insertion) in insertions {
            text.insert_str(at, &insertion);
        }
        Ok(text.into())
    }

    /// The text of an action's argument.
    pub(super) fn text(&mut self, now: Instant, template: &Template, shared: &Shared) -> String {
        let step = self.at;
        self.fill(now, template, step, shared, &mut Later::default()).unwrap_or_default()
    }

    fn fill<'t>(
        &mut self,
        now: Instant,
        template: &'t Template,
        step: usize,
        shared: &Shared,
        later: &mut Later<'t>,
    ) -> Result<String, String> {
        let mut text = String::with_capacity(1024);
        // a keyword that stands for nothing, alone in its line, leaves no line
        let mut swallow_line_end = false;
        for part in &template.parts {
            match part {
                Part::Text(literal) => {
                    let literal = match swallow_line_end {
                        true => literal.trim_start_matches([' ', '\t']).strip_prefix("\r\n").unwrap_or(literal),
                        false => literal,
                    };
                    text.push_str(literal);
                    swallow_line_end = false;
                }
                Part::Word(Keyword::Length(more)) => later.lengths.push((text.len(), *more)),
                Part::Word(Keyword::Authentication(authentication)) => match self.challenge {
                    Some(_) => later.authentication = Some((text.len(), authentication)),
                    None => swallow_line_end = true,
                },
                Part::Word(keyword) => {
                    self.word(now, keyword, step, shared, &mut text)?;
                    swallow_line_end = text.ends_with('\n');
                }
            }
        }
        Ok(text)
    }

    fn word(
        &mut self,
        now: Instant,
        keyword: &Keyword,
        step: usize,
        shared: &Shared,
        text: &mut String,
    ) -> Result<(), String> {
        let setup = self.setup.clone();
        // writing to a String does not fail
        let _ = match keyword {
            Keyword::AutoMediaPort(offset) | Keyword::StreamPort(offset) => {
                write!(text, "{}", port(self.media_port, *offset))
            }
            Keyword::CallId => write!(text, "{}", self.id),
            Keyword::CallNumber => write!(text, "{}", self.number),
            Keyword::DynamicId => write!(text, "{}", self.random.up_to(u64::from(u32::MAX))),
            Keyword::Cseq(offset) => write!(text, "{}", i64::from(self.cseq) + offset),
            Keyword::Branch(offset) => {
                let step = i64::try_from(step).unwrap_or(0) + offset;
                write!(text, "z9hG4bK-{}-{}-{step}", setup.process, self.number)
            }
            Keyword::MessageIndex => write!(text, "{step}"),
            Keyword::Field(field) => return self.field(now, field, shared, text),
            Keyword::Last(name) => {
                let lines: Vec<&str> = message::header_lines(&self.last_received, name).collect();
                write!(text, "{}", lines.join("\r\n"))
            }
            Keyword::LastMessage => write!(text, "{}", self.last_received),
            Keyword::LastRequestUri => {
                let to = message::header(&self.last_received, "To").unwrap_or_default();
                write!(text, "{}", if to.contains('<') { message::address_of(to) } else { "" })
            }
            Keyword::LastCseqNumber(offset) => {
                let number = message::cseq_number(&self.last_received).unwrap_or(0);
                write!(text, "{}", i64::from(number) + offset)
            }
            Keyword::Routes => match &self.routes {
                Some(routes) => write!(text, "Route: {routes}"),
                None => Ok(()),
            },
            Keyword::NextUrl => write!(text, "{}", self.next_url),
            Keyword::PeerTagParameter => match &self.peer_tag {
                Some(tag) => write!(text, ";tag={tag}"),
                None => Ok(()),
            },
            Keyword::Variable(variable) => write!(text, "{}", self.get(*variable, shared)),
            Keyword::UserId => write!(text, "{}", self.number),
            Keyword::Users => write!(text, "{}", shared.users),
            Keyword::ClockTick => write!(text, "{}", now.saturating_duration_since(self.began).as_millis()),
            Keyword::Timestamp | Keyword::Date => {
                let wall = shared.wall.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
                match keyword {
                    Keyword::Date => write!(text, "{}", wall.strftime("%a, %d %b %Y %H:%M:%S GMT")),
                    _ => write!(text, "{}", wall.strftime("%Y-%m-%d %H:%M:%S.%6f")),
                }
            }
            // written when all else is there
            Keyword::Length(_) | Keyword::Authentication(_) => Ok(()),
            same_for_all => {
                text.push_str(&settled(same_for_all, &setup).unwrap_or_default());
                Ok(())
            }
        };
        Ok(())
    }

    fn field(&mut self, now: Instant, field: &Field, shared: &Shared, text: &mut String) -> Result<(), String> {
        let setup = self.setup.clone();
        let at = match &field.file {
            Some(name) => setup.fields.iter().position(|file| file.name == *name),
            None => (!setup.fields.is_empty()).then_some(0),
        };
        let named =
            || field.file.as_ref().map_or_else(|| "a CSV file".to_owned(), |name| format!("the CSV file {name}"));
        let at = at.ok_or_else(|| format!("[field{}] needs {} (--csv)", field.number, named()))?;
        let line = match &field.line {
            Some(line) => self.text(now, line, shared).trim().parse::<f64>().map_or(0, |line| line as usize),
            None => self.fields_line.get(at).copied().unwrap_or(0),
        };
        let file = setup.fields.get(at);
        // fields may have keywords in them, as in sipp
        let value = file.map_or("", |file| file.field(line, field.number)).to_owned();
        match value.contains('[') {
            false => text.push_str(&value),
            true => {
                let mut names = self.scenario.names.clone();
                let template = Template::read(&value, 0, &mut names).map_err(|fault| fault.message)?;
                text.push_str(&self.text(now, &template, shared));
            }
        }
        Ok(())
    }

    /// The Authorization or Proxy-Authorization line that answers the challenge (RFC 2617, 3261 22).
    fn credentials(
        &mut self,
        now: Instant,
        authentication: &Authentication,
        text: &str,
        header_ends: usize,
        shared: &Shared,
    ) -> Result<String, String> {
        let Some((status, challenge)) = self.challenge.clone() else { return Ok(String::new()) };
        let challenge = Challenge::read(&challenge)?;
        let username = self.text(now, &authentication.username, shared);
        let password = self.text(now, &authentication.password, shared);
        self.nonces_used += 1;
        let cnonce = format!("{:016x}", self.random.draw());
        let mut line = text.split([' ', '\r']);
        let (method, uri) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let body = text.get(header_ends..).unwrap_or_default();
        let request = digest::Request { method, uri, body };
        let credentials = challenge.answer(&username, &password, &request, &cnonce, self.nonces_used);
        let name = if status == 401 { "Authorization" } else { "Proxy-Authorization" };
        Ok(format!("{name}: {credentials}"))
    }

    /// Sets a variable to a text.
    pub(super) fn set_text(&mut self, to: super::Variable, text: String, shared: &mut Shared) {
        self.set(to, Value::Text(text), shared);
    }
}

/// What a keyword stands for in every call of a replay.
pub(in crate::replay) fn settled(keyword: &Keyword, setup: &Setup) -> Option<String> {
    Some(match keyword {
        Keyword::Service => setup.service.clone(),
        Keyword::RemoteIp => bracketed(setup.remote.ip()),
        Keyword::RemoteHost => setup.remote_host.clone(),
        Keyword::RemotePort(offset) => port(setup.remote.port(), *offset).to_string(),
        Keyword::LocalIp => bracketed(setup.local.ip()),
        Keyword::LocalIpType => ip_type(setup.local.ip()).to_string(),
        Keyword::LocalPort(offset) => port(setup.local.port(), *offset).to_string(),
        Keyword::Transport => setup.transport.as_str().to_owned(),
        Keyword::MediaIp => setup.media_ip.to_string(),
        Keyword::MediaIpType => ip_type(setup.media_ip).to_string(),
        Keyword::MediaPort(offset) => port(setup.media_port, *offset).to_string(),
        Keyword::Pid => setup.process.to_string(),
        Keyword::Version => env!("CARGO_PKG_VERSION").to_owned(),
        Keyword::Fill(length) => "X".repeat(*length),
        _ => return None,
    })
}

fn port(port: u16, offset: i64) -> i64 {
    i64::from(port) + offset
}

fn bracketed(ip: std::net::IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

fn ip_type(ip: std::net::IpAddr) -> u8 {
    if ip.is_ipv6() { 6 } else { 4 }
}
