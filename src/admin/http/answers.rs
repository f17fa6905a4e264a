//! Answers of commands as HTTP has them: a status, and JSON or CSV.
//! Knows: what each refusal means to a client. Must not: know where an answer comes from.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Value, json};

use crate::admin::command::{Answer, Reason, Refusal, Row};

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
}

pub fn response(answer: Answer, shape: Shape, csv: bool) -> HttpResponse {
    let is_made = shape == Shape::Made && matches!(&answer, Answer::Changed(changed) if !changed.what_if);
    let body = match answer {
        Answer::Refused(refusal) => return refused(&refusal),
        Answer::Status(status) => serde_json::to_value(status),
        Answer::Objects(objects) if shape == Shape::One => serde_json::to_value(objects.first()),
        Answer::Objects(objects) => serde_json::to_value(objects),
        Answer::Changed(changed) => serde_json::to_value(changed),
        Answer::Rows(rows) if csv => {
            return HttpResponse::Ok().content_type("text/csv; charset=utf-8").body(as_csv(&rows));
        }
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
