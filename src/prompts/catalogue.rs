//! The catalogue of one language: the text of each prompt, and how each phrase is put together.
//! Knows: the TOML it is written in. Must not: read files or know sounds.

use super::{PhraseId, PromptId};
use std::collections::BTreeMap;
use std::time::Duration;
use toml_edit::{Document, Item, TableLike, Value};

/// What a `catalogue.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    pub prompts: BTreeMap<PromptId, String>,
    pub phrases: BTreeMap<PhraseId, Vec<Segment>>,
}

/// A part of a phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    Prompt(PromptId),
    Silence(Duration),
    /// The place to be filled.
    Filling,
}

/// Longest silence inside a phrase: more is a slip of the pen (seconds or samples for milliseconds).
const MAX_SILENCE_MS: i64 = 5_000;

impl Catalogue {
    /// Reads a catalogue; returns what could be read and a sentence, with the line, for everything that could not.
    pub fn parse(text: &str) -> (Self, Vec<String>) {
        let mut catalogue = Self::default();
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(error) => return (catalogue, vec![error.to_string().trim_end().to_owned()]),
        };
        let mut reader = Reader { text, faults: Vec::new() };
        for (key, item) in document.iter() {
            match (key, item.as_table_like()) {
                ("prompts", Some(table)) => catalogue.prompts = reader.prompts(table),
                ("phrases", Some(table)) => catalogue.phrases = reader.phrases(table),
                _ => reader.fault(item, format!("`{key}` is not known here: there are [prompts] and [phrases]")),
            }
        }
        (catalogue, reader.faults)
    }
}

struct Reader<'a> {
    text: &'a str,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn prompts(&mut self, table: &dyn TableLike) -> BTreeMap<PromptId, String> {
        let mut prompts = BTreeMap::new();
        for (name, item) in table.iter() {
            match (PromptId::from_name(name), item.as_str()) {
                (Some(id), Some(text)) if !text.trim().is_empty() => {
                    prompts.insert(id, text.to_owned());
                }
                (Some(_), _) => self.fault(item, format!("{name}: the text of a prompt in quotes is expected")),
                (None, _) => self.fault(item, format!("{name}: there is no prompt of this name")),
            }
        }
        prompts
    }

    fn phrases(&mut self, table: &dyn TableLike) -> BTreeMap<PhraseId, Vec<Segment>> {
        let mut phrases = BTreeMap::new();
        for (name, item) in table.iter() {
            let Some(id) = PhraseId::from_name(name) else {
                self.fault(item, format!("{name}: there is no phrase of this name"));
                continue;
            };
            let Some(parts) = item.as_array() else {
                self.fault(item, format!("{name}: a list of prompt names, \"{{}}\" and milliseconds is expected"));
                continue;
            };
            match parts.iter().map(segment).collect::<Result<Vec<_>, _>>() {
                Ok(segments) if segments.iter().filter(|s| **s == Segment::Filling).count() == 1 => {
                    phrases.insert(id, segments);
                }
                Ok(_) => {
                    self.fault(item, format!("{name}: exactly one \"{{}}\" is expected, where the phrase is filled"))
                }
                Err(what) => self.fault(item, format!("{name}: {what}")),
            }
        }
        phrases
    }

    fn fault(&mut self, item: &Item, what: String) {
        let before = item.span().and_then(|span| self.text.get(..span.start)).unwrap_or_default();
        self.faults.push(format!("line {}: {what}", before.matches('\n').count() + 1));
    }
}

fn segment(value: &Value) -> Result<Segment, String> {
    if let Some(milliseconds) = value.as_integer() {
        return match u64::try_from(milliseconds) {
            Ok(length) if milliseconds <= MAX_SILENCE_MS => Ok(Segment::Silence(Duration::from_millis(length))),
            _ => Err(format!("{milliseconds}: silence is 0 to {MAX_SILENCE_MS} milliseconds")),
        };
    }
    match value.as_str() {
        Some("{}") => Ok(Segment::Filling),
        Some(name) => {
            PromptId::from_name(name).map(Segment::Prompt).ok_or_else(|| format!("there is no prompt `{name}`"))
        }
        None => Err("a prompt name, \"{}\" or milliseconds are expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_keeps_the_order_its_language_needs() {
        let (catalogue, faults) = Catalogue::parse(
            "[prompts]\nis-not-available = \"님은 부재중입니다.\"\n[phrases]\nname-not-available = [\"{}\", 80, \"is-not-available\"]\n",
        );
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(catalogue.prompts[&PromptId::IsNotAvailable], "님은 부재중입니다.");
        assert_eq!(
            catalogue.phrases[&PhraseId::NameNotAvailable],
            [Segment::Filling, Segment::Silence(Duration::from_millis(80)), Segment::Prompt(PromptId::IsNotAvailable)]
        );
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_the_rest_is_kept() {
        let text = "[prompts]\ngoodbye = \"Bye.\"\ngoodby = \"Bye.\"\nplus = 3\n[phrases]\n\
                    name-not-available = [\"is-not-available\"]\nextension-not-available = [\"{}\", 70000]\n\
                    other = []\n[voices]\n";
        let (catalogue, faults) = Catalogue::parse(text);
        assert_eq!(catalogue.prompts.len(), 1);
        assert!(catalogue.phrases.is_empty());
        let lines: Vec<&str> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["line 3", "line 4", "line 6", "line 7", "line 8", "line 9"]);
    }

    #[test]
    fn what_is_not_toml_is_one_fault_with_its_place() {
        let (catalogue, faults) = Catalogue::parse("[prompts]\ngoodbye = Goodbye\n");
        assert_eq!(catalogue, Catalogue::default());
        assert!(matches!(faults.as_slice(), [fault] if fault.contains("line 2")), "{faults:?}");
    }
}
