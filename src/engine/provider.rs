//! The organisation from a folder of TOML files, on whatever disk the engine has.
//! Knows: `Disk`, the names of files. Must not: know what stands in them. Blocks: not for an Arbiter that carries calls.

use std::path::PathBuf;
use std::sync::Arc;

use super::Disk;
use crate::directory::{DirectoryProvider, Fault, ProviderError, SourceFile};

/// Every `*.toml` of one folder, sorted by name; names that begin with a dot are left out.
pub struct TomlFolder {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

impl TomlFolder {
    pub fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> TomlFolder {
        TomlFolder { disk, folder }
    }

    fn read_file(&self, name: &str) -> Result<SourceFile, Fault> {
        let path = self.folder.join(name);
        let shown = path.display().to_string();
        let bytes =
            self.disk.read(&path).map_err(|error| Fault::of_file(&shown, format!("cannot be read: {error}")))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(SourceFile { name: shown, text }),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
                Err(Fault { line: Some(line), ..Fault::of_file(shown, "is not UTF-8 text") })
            }
        }
    }
}

impl DirectoryProvider for TomlFolder {
    fn read(&self) -> Result<Vec<SourceFile>, ProviderError> {
        let unreachable =
            |reason: String| ProviderError::Unreachable { place: self.folder.display().to_string(), reason };
        let names = self.disk.list(&self.folder).map_err(|error| unreachable(error.to_string()))?;
        let names: Vec<_> = names.iter().filter(|name| name.ends_with(".toml") && !name.starts_with('.')).collect();
        if names.is_empty() {
            // an organisation that lost its files must not be taken for one that has nobody
            return Err(unreachable("holds no *.toml file".to_owned()));
        }
        let mut files = Vec::with_capacity(names.len());
        let mut faults = Vec::new();
        for name in names {
            match self.read_file(name) {
                Ok(file) => files.push(file),
                Err(fault) => faults.push(fault),
            }
        }
        match faults.is_empty() {
            true => Ok(files),
            false => Err(ProviderError::Files(faults)),
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::engine::MemoryDisk;

    fn folder(files: &[(&str, &[u8])]) -> TomlFolder {
        let disk = MemoryDisk::default();
        for (name, bytes) in files {
            disk.put(name, bytes).unwrap();
        }
        TomlFolder::new(Arc::new(disk), PathBuf::from("config/directory"))
    }

    #[test]
    fn the_toml_files_of_the_folder_are_read_in_order() {
        let provider = folder(&[
            ("config/directory/b.toml", b"# b"),
            ("config/directory/a.toml", b"# a"),
            ("config/directory/.a.toml.new", b"half written"),
            ("config/directory/.hidden.toml", b"hidden"),
            ("config/directory/README.md", b"text"),
            ("config/directory/old/c.toml", b"# c"),
            ("config/ringpost.toml", b"# node"),
        ]);
        let expected =
            [SourceFile::new("config/directory/a.toml", "# a"), SourceFile::new("config/directory/b.toml", "# b")];
        assert_eq!(provider.read().unwrap(), expected);
    }

    #[test]
    fn files_that_are_not_text_are_all_named() {
        let provider = folder(&[
            ("config/directory/a.toml", b"\xff"),
            ("config/directory/b.toml", b"# fine\n# one\n# tw\xe4"),
            ("config/directory/c.toml", b"# c"),
        ]);
        assert_eq!(
            provider.read().unwrap_err().to_string(),
            "config/directory/a.toml:1: is not UTF-8 text; config/directory/b.toml:3: is not UTF-8 text"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        // a folder with the name of a file
        let provider = folder(&[("config/directory/a.toml/x", b"")]);
        let error = provider.read().unwrap_err().to_string();
        assert!(error.starts_with("config/directory/a.toml: cannot be read: "), "{error}");
    }

    #[test]
    fn a_folder_without_files_is_no_empty_organisation() {
        let error = folder(&[("config/ringpost.toml", b"")]).read().unwrap_err();
        assert_eq!(error.to_string(), "directory config/directory: holds no *.toml file");
        assert_eq!(error.into_faults()[0].to_string(), "config/directory: holds no *.toml file");
    }
}
