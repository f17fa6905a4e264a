//! Answers of commands as HTTP has them: a status, and JSON or CSV.
//! Knows: what each refusal means to a client. Must not: know where an answer comes from.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Value, json};

use crate::admin::command::{Answer, Reason, Refusal, Row};
use crate::records::trace::{self, Detail, TracedMessage};

/// How an operation's answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One JSON object.
    One,
    /// A JSON array.
    Many,
    /// What was changed; 201 when something was made.
    Changed,
    Made,
    /// A sentence.
    Done,
    /// SIP messages.
    Trace,
}

/// What an answer is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    /// Text for people.
    Ladder,
    /// For Wireshark.
    Pcap,
}

impl Format {
    /// As the query parameter `format` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Ladder => "ladder",
            Format::Pcap => "pcap",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Csv => "text/csv",
            Format::Ladder => "text/plain",
            Format::Pcap => "application/vnd.tcpdump.pcap",
        }
    }
}

pub fn response(answer: Answer, shape: Shape, format: Format) -> HttpResponse {
    let is_made = shape == Shape::Made && matches!(&answer, Answer::Changed(changed) if !changed.what_if);
    let body = match answer {
        Answer::Refused(refusal) => return refused(&refusal),
        Answer::Status(status) => serde_json::to_value(status),
        Answer::Objects(objects) if shape == Shape::One => serde_json::to_value(objects.first()),
        Answer::Objects(objects) => serde_json::to_value(objects),
        Answer::Changed(changed) => serde_json::to_value(changed),
        Answer::Rows(rows) if format == Format::Csv => {
            return HttpResponse::Ok().content_type("text/csv; charset=utf-8").body(as_csv(&rows));
        }
        Answer::Trace(messages) if format == Format::Ladder => {
            let text = trace::ladder(&messages, Detail::Whole);
            return HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text);
        }
        Answer::Trace(messages) if format == Format::Pcap => {
            return HttpResponse::Ok().content_type(format.content_type()).body(trace::pcap(&messages));
        }
        Answer::Trace(messages) => serde_json::to_value(messages.iter().map(told).collect::<Vec<_>>()),
        Answer::Rows(rows) => serde_json::to_value(rows),
        Answer::Done(sentence) => Ok(json!({ "done": sentence })),
    };
    let status = if is_made { StatusCode::CREATED } else { StatusCode::OK };
    match body {
        Ok(body) => HttpResponse::build(status).json(body),
        Err(error) => refused(&Refusal::new(Reason::Failed, error.to_string())),
    }
}

pub fn refused(refusal: &Refusal) -> HttpResponse {
    let status = match refusal.reason {
        Reason::NotFound => StatusCode::NOT_FOUND,
        Reason::Exists | Reason::InUse | Reason::Conflict => StatusCode::CONFLICT,
        Reason::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Reason::NotBuilt => StatusCode::NOT_IMPLEMENTED,
        Reason::NeedsNode => StatusCode::SERVICE_UNAVAILABLE,
        Reason::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let message = if refusal.message.is_empty() { refusal.to_string() } else { refusal.message.clone() };
    let body = json!({ "reason": refusal.reason, "message": message, "problems": refusal.problems });
    HttpResponse::build(status).json(body)
}

/// A refusal of HTTP's own.
pub fn error(status: StatusCode, reason: &str, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "reason": reason, "message": message, "problems": [] }))
}

/// A SIP message as programs read it.
fn told(message: &TracedMessage) -> Value {
    json!({
        "at": message.at,
        "sent": message.sent,
        "local": message.local,
        "peer": message.peer,
        "transport": if message.stream { "tcp" } else { "udp" },
        "sip": String::from_utf8_lossy(&message.bytes),
    })
}

/// RFC 4180; the columns are those of the first row.
fn as_csv(rows: &[Row]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let columns: Vec<&String> = first.keys().collect();
    let line = |fields: Vec<String>| fields.join(",") + "\r\n";
    let mut text = line(columns.iter().map(|column| quoted(column)).collect());
    for row in rows {
        text += &line(columns.iter().map(|column| quoted(&field(row.get(*column)))).collect());
    }
    text
}

fn field(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn quoted(field: &str) -> String {
    // a spreadsheet must not take what a caller sent for a formula
    let field = match field.chars().next() {
        Some('=' | '@' | '\t') => format!("'{field}"),
        _ => field.to_owned(),
    };
    match field.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_lines_with_quotes_where_needed() {
        let row = |name: &str, calls: i64| {
            let Value::Object(row) = json!({ "Name": name, "Total": calls, "None": null }) else { panic!("an object") };
            row
        };
        let text = as_csv(&[row("a, \"b\"", 1), row("=1+1", 2)]);
        assert_eq!(text, "Name,None,Total\r\n\"a, \"\"b\"\"\",,1\r\n'=1+1,,2\r\n");
        assert_eq!(as_csv(&[]), "");
    }
}
