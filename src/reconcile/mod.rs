//! What two readings of the organisation differ in, object by object.
//! Knows: configuration text, what names an object of each kind. Must not: validate (the directory does), touch files.
//! Canonical text leaves out what means nothing: comments, blanks, the order of keys, objects and files.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write;

use toml_edit::{Item, Table, Value};

use crate::directory::Parsed;

/// Canonical text of each object, by `kind/identity`.
pub type Objects = BTreeMap<String, String>;

/// Names as `kind/identity`, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
}

impl Difference {
    /// What became of `before`.
    pub fn between(before: &Objects, now: &Objects) -> Difference {
        let mut difference = Difference::default();
        let (mut before, mut now) = (before.iter().peekable(), now.iter().peekable());
        // both in the order of their names: side by side, without a look-up
        loop {
            let order = match (before.peek(), now.peek()) {
                (None, None) => return difference,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((was, _)), Some((is, _))) => was.cmp(is),
            };
            let was = if order.is_le() { before.next() } else { None };
            let is = if order.is_ge() { now.next() } else { None };
            match (was, is) {
                (Some((_, was)), Some((name, is))) if was != is => difference.changed.push(name.clone()),
                (Some((name, _)), None) => difference.removed.push(name.clone()),
                (None, Some((name, _))) => difference.added.push(name.clone()),
                _ => {}
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// The objects of valid sources; text that is not TOML has none.
pub fn objects(parsed: &Parsed) -> Objects {
    parsed.tables().map(|(kind, table)| (identity(kind, table), canonical(table))).collect()
}

/// `mailbox/alice`, `hunt_group/Lab\Pilot`: what names an object, in lower case as names are compared.
fn identity(kind: &str, table: &Table) -> String {
    let text = |key: &str| table.get(key).and_then(Item::as_str).unwrap_or_default();
    let name = match kind {
        "mailbox" => text("alias").to_owned(),
        "hunt_group" => format!("{}\\{}", text("ip_gateway"), text("name")),
        _ => text("name").to_owned(),
    };
    format!("{kind}/{}", name.to_lowercase())
}

/// A line for each key, in the order of their names.
fn canonical(table: &Table) -> String {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    let mut out = String::with_capacity(256);
    for (key, item) in entries {
        out.push_str(key);
        out.push_str(" = ");
        match item {
            Item::Value(value) => plain(value, &mut out),
            other => out.push_str(other.to_string().trim()),
        }
        out.push('\n');
    }
    // there are as many of them as objects, and they are kept
    out.shrink_to_fit();
    out
}

fn plain(value: &Value, out: &mut String) {
    // a String takes all that is written to it
    let mut write = |text: std::fmt::Arguments| out.write_fmt(text).unwrap_or_default();
    match value {
        Value::String(text) => write(format_args!("{:?}", text.value())),
        Value::Integer(number) => write(format_args!("{}", number.value())),
        Value::Boolean(truth) => write(format_args!("{}", truth.value())),
        Value::Array(list) => {
            out.push('[');
            for (at, member) in list.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                plain(member, out);
            }
            out.push(']');
        }
        other => out.push_str(other.to_string().trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::SourceFile;

    fn read(text: &str) -> Objects {
        objects(&Parsed::of(&[SourceFile::new("a.toml", text)]))
    }

    #[test]
    fn comments_blanks_and_order_mean_nothing() {
        let one = read("[[mailbox]]\nalias = \"Ann\"\nextensions = [\"100\",'101']\n[[dial_plan]]\nname='P'\n");
        let other =
            read("# c\n[[dial_plan]]\nname = \"P\"\n[[mailbox]]\nextensions = [ \"100\", \"101\" ] # e\nalias='Ann'\n");
        assert_eq!(one, other);
        assert_eq!(one.keys().collect::<Vec<_>>(), ["dial_plan/p", "mailbox/ann"]);
    }

    #[test]
    fn objects_that_came_changed_and_went_are_named() {
        let group = "[[hunt_group]]\nname = \"G\"\nip_gateway = \"Lab\"\n";
        let before = read(&format!("{group}[[mailbox]]\nalias = \"a\"\n[[mailbox]]\nalias = \"b\"\nextensions = []\n"));
        let now = read(
            "[[mailbox]]\nalias = \"b\"\nextensions = [\"1\"]\n[[mailbox]]\nalias = \"c\"\n[[mailbox]]\nalias = \"a\"\n",
        );
        let expected = Difference {
            added: vec!["mailbox/c".to_owned()],
            changed: vec!["mailbox/b".to_owned()],
            removed: vec!["hunt_group/lab\\g".to_owned()],
        };
        assert_eq!(Difference::between(&before, &now), expected);
        assert!(Difference::between(&now, &now).is_empty());
    }
}
