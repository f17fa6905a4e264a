//! XML as a tree whose elements know their line.
//! Knows: quick-xml. Must not: know what a scenario is.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::fault::Fault;

/// An element with everything in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    pub name: String,
    /// Where it begins, from 1.
    pub line: usize,
    /// In the order they are written.
    pub attributes: Vec<(String, String)>,
    /// Text and CDATA, as they are.
    pub text: String,
    pub children: Vec<Element>,
}

/// A document: its root, and what its comments say.
#[derive(Debug)]
pub struct Document {
    pub root: Element,
    /// With the line each begins in.
    pub comments: Vec<(usize, String)>,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a document.
///
/// # Errors
/// It is not XML, or has more or less than one root.
pub fn read(text: &str) -> Result<Document, Fault> {
    let mut reader = Reader::from_str(text);
    let mut lines = Lines::new(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut comments = Vec::new();
    loop {
        let line = lines.at(reader.buffer_position());
        let event = reader.read_event().map_err(|error| {
            let at = lines.at(reader.error_position());
            Fault::new(at, format!("this is not XML: {error}"))
        })?;
        match event {
            Event::Start(start) => open.push(element(&start, line)?),
            Event::Empty(start) => close(element(&start, line)?, &mut open, &mut root)?,
            Event::End(_) => {
                // the reader sees to it that there is one
                if let Some(element) = open.pop() {
                    close(element, &mut open, &mut root)?;
                }
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|error| Fault::new(line, error.to_string()))?;
                add_text(&text, line, &mut open)?;
            }
            Event::CData(text) => {
                let text = text.decode().map_err(|error| Fault::new(line, error.to_string()))?;
                add_text(&text, line, &mut open)?;
            }
            Event::GeneralRef(entity) => {
                let entity = entity.decode().map_err(|error| Fault::new(line, error.to_string()))?;
                let text = format!("&{entity};");
                let text = quick_xml::escape::unescape(&text).map_err(|error| Fault::new(line, error.to_string()))?;
                add_text(&text, line, &mut open)?;
            }
            Event::Comment(comment) => {
                let comment = comment.decode().map_err(|error| Fault::new(line, error.to_string()))?;
                comments.push((line, comment.into_owned()));
            }
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    if let Some(unclosed) = open.last() {
        return Err(Fault::new(unclosed.line, format!("<{}> is not closed", unclosed.name)));
    }
    let root = root.ok_or_else(|| Fault::new(1, "there is no element in it"))?;
    Ok(Document { root, comments })
}

fn element(start: &BytesStart, line: usize) -> Result<Element, Fault> {
    let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
    let mut attributes: Vec<(String, String)> = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| Fault::new(line, format!("<{name}>: {error}")))?;
        let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
        let value =
            attribute.unescape_value().map_err(|error| Fault::new(line, format!("<{name} {key}=…>: {error}")))?;
        attributes.push((key, value.into_owned()));
    }
    Ok(Element { name, line, attributes, ..Element::default() })
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), Fault> {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None if root.is_some() => {
            let message = format!("<{}> is a second document in one file", element.name);
            return Err(Fault::new(element.line, message));
        }
        None => *root = Some(element),
    }
    Ok(())
}

fn add_text(text: &str, line: usize, open: &mut [Element]) -> Result<(), Fault> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(Fault::new(line, "text outside of every element")),
    }
    Ok(())
}

/// The line of a place in a text, asked for in rising order.
struct Lines<'t> {
    text: &'t str,
    seen: usize,
    line: usize,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Lines<'t> {
        Lines { text, seen: 0, line: 1 }
    }

    fn at(&mut self, position: u64) -> usize {
        let position = usize::try_from(position).unwrap_or(usize::MAX).min(self.text.len());
        let between = self.text.as_bytes().get(self.seen..position).unwrap_or_default();
        self.line += between.iter().filter(|octet| **octet == b'\n').count();
        self.seen = self.seen.max(position);
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_know_their_lines_and_text() {
        let text = "<?xml version=\"1.0\"?>\n<!-- a -->\n<scenario name=\"a &amp; b\">\n  <send\n retrans='500'>\n\
            <![CDATA[ x < y ]]></send>\n<pause/></scenario>\n";
        let document = read(text).unwrap();
        let root = document.root;
        assert_eq!((root.name.as_str(), root.line, root.attribute("name")), ("scenario", 3, Some("a & b")));
        assert_eq!(document.comments, [(2, " a ".to_owned())]);
        let lines: Vec<_> = root.children.iter().map(|child| (child.name.as_str(), child.line)).collect();
        assert_eq!(lines, [("send", 4), ("pause", 7)]);
        assert!(root.children[0].text.contains(" x < y "));
    }

    #[test]
    fn what_is_no_xml_is_said_with_its_line() {
        for (text, fault) in [
            ("<a>\n<b>\n</a>", "line 3: this is not XML"),
            ("<a>\n", "line 1: <a> is not closed"),
            ("", "line 1: there is no element in it"),
            ("<a/>\n<b/>", "line 2: <b> is a second document in one file"),
            ("<a/>\ntext", "line 1: text outside of every element"),
        ] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.starts_with(fault), "{said}");
        }
    }
}
