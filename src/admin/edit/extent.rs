//! What of a file's text belongs to one object: for taking it out, and for putting another behind it. Done on the text
//! itself: whatever stands elsewhere stays as it is.
//! Knows: lines, comments, where tables and values stand. Must not: know what an object is.
//!
//! To an object belong the comment lines right above its header, its table, and the comment lines right below its last
//! key. What a blank line parts from it is not its own.

use std::ops::Range;

use toml_edit::{Document, Item, Table, Value};

/// The text without one of its objects, nor the blank lines behind it; `None`: there is no such table.
pub(super) fn without(text: &str, kind: &str, index: usize) -> Option<String> {
    let own = extent(text, kind, index)?;
    let (before, after) = (text.get(..own.start)?, text.get(own.end..)?);
    let blank: usize = after.split_inclusive('\n').take_while(|line| line.trim().is_empty()).map(str::len).sum();
    let after = after.get(blank..)?;
    let mut left = format!("{before}{after}");
    if after.is_empty() {
        // the last object of the file: no blank lines at its end
        left.truncate(left.trim_end().len());
        if !left.is_empty() {
            left.push('\n');
        }
    }
    Some(left)
}

/// The text with another object behind one of its objects.
pub(super) fn with_behind(text: &str, kind: &str, index: usize, new: &str) -> Option<String> {
    let end = extent(text, kind, index)?.end;
    let (before, after) = (text.get(..end)?, text.get(end..)?);
    let line_end = if before.ends_with('\n') { "" } else { "\n" };
    Some(format!("{before}{line_end}\n{new}{after}"))
}

/// Where an object begins and ends.
fn extent(text: &str, kind: &str, index: usize) -> Option<Range<usize>> {
    let document = Document::parse(text).ok()?;
    let table = document.get(kind)?.as_array_of_tables()?.get(index)?;
    let header = table.span()?.start;
    let mut headers = Vec::new();
    collect_headers(document.as_table(), &mut headers);
    let next = headers.into_iter().filter(|start| *start > header).min().unwrap_or(text.len());
    let body_end = line_end(text, last_octet(table).max(header));
    let gap = text.get(body_end..next)?;
    let below: usize = gap.split_inclusive('\n').take_while(|line| is_comment(line)).map(str::len).sum();
    // comments that run on into the next header are that one's
    let is_own = below < gap.len() || next == text.len();
    Some(attached_above(text, header)..if is_own { body_end + below } else { body_end })
}

fn collect_headers(table: &Table, out: &mut Vec<usize>) {
    for (_, item) in table.iter() {
        match item {
            Item::Table(table) => {
                out.extend(table.span().map(|span| span.start));
                collect_headers(table, out);
            }
            Item::ArrayOfTables(tables) => {
                for table in tables.iter() {
                    out.extend(table.span().map(|span| span.start));
                    collect_headers(table, out);
                }
            }
            _ => {}
        }
    }
}

/// Where the comment lines right above a line begin.
fn attached_above(text: &str, header: usize) -> usize {
    let mut start = text.get(..header).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    while let Some(before) = text.get(..start).filter(|before| !before.is_empty()) {
        let line = before.strip_suffix('\n').unwrap_or(before).rfind('\n').map_or(0, |newline| newline + 1);
        if !text.get(line..start).is_some_and(is_comment) {
            break;
        }
        start = line;
    }
    start
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn last_octet(table: &Table) -> usize {
    let ends = table.iter().filter_map(|(_, item)| match item {
        Item::Value(value) => value_end(value),
        Item::Table(table) => Some(last_octet(table)),
        _ => None,
    });
    ends.max().or_else(|| table.span().map(|span| span.start)).unwrap_or_default()
}

fn value_end(value: &Value) -> Option<usize> {
    value.span().map(|span| span.end)
}

/// Behind the end of the line that an octet stands in.
fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |newline| at + newline + 1)
}
