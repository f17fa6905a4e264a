//! The files of the directory while they are changed.
//! Knows: tables of objects by kind and place. Must not: know what a key means.

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use super::{extent, list};
use crate::admin::settings::Kind;
use crate::directory::{Fault, SourceFile};

/// All files of the directory, as they will be.
#[derive(Debug, Clone)]
pub struct Draft {
    files: Vec<File>,
}

/// Where an object stands; good until an object is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    pub kind: Kind,
    file: usize,
    /// Counted within its kind and file.
    index: usize,
}

/// A file that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drafted {
    pub name: String,
    /// What stood in it when it was read; `None`: there was no such file.
    pub before: Option<String>,
    pub after: String,
}

#[derive(Debug, Clone)]
struct File {
    name: String,
    before: Option<String>,
    /// Its lines end as in Windows.
    ends_with_cr: bool,
    document: DocumentMut,
}

impl Draft {
    /// # Errors
    /// Files that are not TOML, with the fault the directory's reader finds in them.
    pub fn of(sources: Vec<SourceFile>) -> Result<Draft, Vec<Fault>> {
        let mut files = Vec::with_capacity(sources.len());
        for source in &sources {
            let lines = source.text.matches('\n').count();
            let ends_with_cr = lines > 0 && source.text.matches("\r\n").count() == lines;
            let text = if ends_with_cr { source.text.replace("\r\n", "\n") } else { source.text.clone() };
            match text.parse::<DocumentMut>() {
                Ok(document) => {
                    let (name, before) = (source.name.clone(), Some(source.text.clone()));
                    files.push(File { name, before, ends_with_cr, document });
                }
                Err(_) => return Err(crate::directory::Directory::load(&sources).err().unwrap_or_default()),
            }
        }
        Ok(Draft { files })
    }

    /// Every object of a kind, in the order of the files.
    pub fn objects(&self, kind: Kind) -> impl Iterator<Item = (Spot, &Table)> {
        self.files.iter().enumerate().flat_map(move |(file, content)| {
            let tables = content.document.get(kind.toml()).and_then(Item::as_array_of_tables);
            let tables = tables.into_iter().flat_map(ArrayOfTables::iter).enumerate();
            tables.map(move |(index, table)| (Spot { kind, file, index }, table))
        })
    }

    pub fn table(&self, spot: Spot) -> Option<&Table> {
        let tables = self.files.get(spot.file)?.document.get(spot.kind.toml())?.as_array_of_tables()?;
        tables.get(spot.index)
    }

    /// The file an object stands in.
    pub fn file(&self, spot: Spot) -> &str {
        self.files.get(spot.file).map_or("", |file| file.name.as_str())
    }

    /// Sets a key; one that is there keeps its place and comments, a new one comes last.
    pub fn set(&mut self, spot: Spot, key: &str, value: Value) {
        let Some(table) = self.table_mut(spot) else { return };
        match table.get_mut(key) {
            Some(Item::Value(old)) => list::replace(old, value),
            _ => {
                table.insert(key, Item::Value(value));
            }
        }
    }

    /// Takes a key out.
    pub fn unset(&mut self, spot: Spot, key: &str) {
        if let Some(table) = self.table_mut(spot) {
            table.remove(key);
        }
    }

    /// Puts members into a list that are not in it yet.
    pub fn add(&mut self, spot: Spot, key: &str, members: &[String]) {
        let Some(table) = self.table_mut(spot) else { return };
        match table.get_mut(key) {
            Some(Item::Value(value)) => list::add(value, members),
            _ => {
                let mut value = Value::Array(toml_edit::Array::new());
                list::add(&mut value, members);
                table.insert(key, Item::Value(value));
            }
        }
    }

    /// Takes members out of a list; an empty list goes with its key.
    pub fn take(&mut self, spot: Spot, key: &str, members: &[String]) {
        let Some(table) = self.table_mut(spot) else { return };
        let Some(Item::Value(value)) = table.get_mut(key) else { return };
        if list::take(value, members) == list::Left::Nothing {
            table.remove(key);
        }
    }

    /// Adds an object: behind the last one of its kind, in the same file; the first of its kind at the end of the file
    /// that `name_of` gives for it.
    pub fn append(&mut self, kind: Kind, keys: Vec<(&'static str, Value)>, name_of: impl Fn(&str) -> String) -> Spot {
        let last = self.objects(kind).map(|(spot, _)| spot).last();
        let (file, index) = match last {
            Some(spot) => (spot.file, spot.index + 1),
            None => (self.file_named(name_of(kind.file())), 0),
        };
        let table: Table = keys.into_iter().map(|(key, value)| (key, Item::Value(value))).collect();
        let mut new = DocumentMut::new();
        new.insert(kind.toml(), Item::ArrayOfTables(std::iter::once(table).collect()));
        let new = new.to_string();
        if let Some(content) = self.files.get_mut(file) {
            let text = content.document.to_string();
            let text = match last {
                Some(last) => extent::with_behind(&text, kind.toml(), last.index, &new),
                None if text.trim().is_empty() => Some(new),
                None => Some(format!("{}\n\n{new}", text.trim_end())),
            };
            if let Some(document) = text.and_then(|text| text.parse().ok()) {
                content.document = document;
            }
        }
        Spot { kind, file, index }
    }

    /// Takes an object out, with the comments that belong to it.
    pub fn remove(&mut self, spot: Spot) {
        let Some(file) = self.files.get_mut(spot.file) else { return };
        let text = file.document.to_string();
        let left = extent::without(&text, spot.kind.toml(), spot.index);
        if let Some(document) = left.and_then(|left| left.parse().ok()) {
            file.document = document;
        }
    }

    /// The text as the directory's reader takes it.
    pub fn sources(&self) -> Vec<SourceFile> {
        self.files.iter().map(|file| SourceFile::new(file.name.clone(), file.document.to_string())).collect()
    }

    /// The files that are not as they were.
    pub fn changed(&self) -> Vec<Drafted> {
        let drafted = self.files.iter().map(|file| Drafted {
            name: file.name.clone(),
            before: file.before.clone(),
            after: file.text(),
        });
        drafted.filter(|file| file.before.as_deref() != Some(file.after.as_str())).collect()
    }

    fn table_mut(&mut self, spot: Spot) -> Option<&mut Table> {
        let file = self.files.get_mut(spot.file)?;
        file.document.get_mut(spot.kind.toml())?.as_array_of_tables_mut()?.get_mut(spot.index)
    }

    fn file_named(&mut self, name: String) -> usize {
        match self.files.iter().position(|file| file.name == name) {
            Some(at) => at,
            None => {
                self.files.push(File { name, before: None, ends_with_cr: false, document: DocumentMut::new() });
                self.files.len() - 1
            }
        }
    }
}

impl File {
    fn text(&self) -> String {
        let text = self.document.to_string();
        if self.ends_with_cr { text.replace('\n', "\r\n") } else { text }
    }
}
