//! The Maildir store: each mailbox a folder `<root>/<alias>/{tmp,new,cur}` that any IMAP server can serve.
//! Knows: the disk and Maildir's rules (cr.yp.to/proto/maildir.html). Must not: know what the message says.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Attempt, DeliveryError, Letter, MailboxStore};
use crate::engine::Disk;

#[derive(Clone)]
pub struct Maildir {
    disk: Arc<dyn Disk>,
    root: PathBuf,
}

impl Maildir {
    /// Creates `root` when it is missing. Blocks.
    pub fn open(disk: Arc<dyn Disk>, root: PathBuf) -> io::Result<Self> {
        disk.create_dir_durable(&root)?;
        Ok(Self { disk, root })
    }

    /// Delivers durably. A letter that is in the inbox already, read or not, is not delivered again. Blocks.
    pub fn deliver_now(&self, letter: &Letter) -> Result<(), DeliveryError> {
        let alias = &letter.to.alias;
        if !is_folder_name(alias) {
            return Err(DeliveryError::permanent(format!("alias {alias:?} cannot name a folder")));
        }
        let mailbox = self.root.join(alias);
        self.write(&mailbox, letter)
            .map_err(|error| DeliveryError::temporary(format!("Maildir {}: {error}", mailbox.display())))
    }

    fn write(&self, mailbox: &Path, letter: &Letter) -> io::Result<()> {
        let disk = &*self.disk;
        for folder in ["tmp", "new", "cur"] {
            disk.create_dir_all(&mailbox.join(folder))?;
        }
        // Always, for whoever created them may have died before.
        disk.sync_dir(mailbox)?;
        disk.sync_dir(&self.root)?;
        let unique = unique_name(letter);
        let new = mailbox.join("new");
        if let Some(folder) = self.holds(mailbox, &unique)? {
            // The rename may have been the last thing before a crash.
            return disk.sync_dir(&folder);
        }
        let bytes = with_line_feeds(&letter.bytes);
        let temporary = mailbox.join("tmp").join(&unique);
        if disk.exists(&temporary) {
            disk.remove_file(&temporary)?;
        }
        let mut file = disk.create_new(&temporary)?;
        let written = file.append(&bytes).and_then(|()| file.sync());
        drop(file);
        if let Err(error) = written {
            let _ = disk.remove_file(&temporary); // a full disk needs its room back
            return Err(error);
        }
        disk.rename(&temporary, &new.join(format!("{unique},S={}", bytes.len())))?;
        disk.sync_dir(&new)
    }

    /// The folder that has the letter: `new` before `cur`, as a letter travels, so that one that moves meanwhile is
    /// not missed. Behind `:` a reader keeps his flags. IMAP servers give a letter a new name when it moves to another
    /// mailbox, so it is looked for in the inbox only.
    fn holds(&self, mailbox: &Path, unique: &str) -> io::Result<Option<PathBuf>> {
        for folder in [mailbox.join("new"), mailbox.join("cur")] {
            let names = self.disk.list(&folder)?;
            let mut rests = names.iter().filter_map(|name| name.strip_prefix(unique));
            if rests.any(|rest| rest.is_empty() || rest.starts_with([',', ':'])) {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }
}

impl MailboxStore for Maildir {
    fn deliver(&self, letter: Letter) -> Attempt<'_> {
        let store = self.clone();
        Box::pin(async move {
            let delivered = tokio::task::spawn_blocking(move || store.deliver_now(&letter)).await;
            delivered.unwrap_or_else(|error| Err(DeliveryError::temporary(format!("delivery to Maildir: {error}"))))
        })
    }
}

/// The name of a letter in its mailbox: the same for every attempt. `/` and `:` mean something to Maildir, so only
/// plain characters stay as they are.
fn unique_name(letter: &Letter) -> String {
    let mut name = format!("{}.", letter.sent.as_second());
    for c in letter.message_id.chars() {
        match c {
            '@' => name.push('.'),
            c if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') => name.push(c),
            c => name.push_str(&format!("={:x}", u32::from(c))),
        }
    }
    name
}

/// One folder below the root, neither hidden nor a way out.
fn is_folder_name(alias: &str) -> bool {
    !alias.is_empty() && !alias.starts_with('.') && !alias.contains(['/', '\0'])
}

/// Mail lies in a Maildir with the system's own line ends; the transfer encodings leave no bare CR in a message.
fn with_line_feeds(message: &[u8]) -> Vec<u8> {
    message.iter().copied().filter(|&octet| octet != b'\r').collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::MemoryDisk;
    use crate::engine::disk::RealDisk;
    use crate::mailbox::Recipient;
    use crate::mailbox::store::Failure;

    fn letter(alias: &str, id: &str) -> Letter {
        Letter {
            to: Recipient { alias: alias.into(), address: "alice@example.test".into(), display_name: "Alice".into() },
            message_id: id.into(),
            sent: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
            bytes: b"Subject: one\r\n\r\ntext\r\n".to_vec(),
        }
    }

    fn list(disk: &MemoryDisk, folder: &str) -> Vec<String> {
        disk.list(Path::new(folder)).unwrap()
    }

    #[test]
    fn letter_lies_in_new_with_a_name_that_tells_its_size() {
        let disk = MemoryDisk::default();
        let store = Maildir::open(Arc::new(disk.clone()), "mail".into()).unwrap();
        store.deliver_now(&letter("alice", "m1@um.example.test")).unwrap();
        assert_eq!(list(&disk, "mail/alice/new"), ["1700000000.m1.um.example.test,S=19"]);
        assert_eq!(list(&disk, "mail/alice/tmp"), [""; 0]);
        let path = Path::new("mail/alice/new/1700000000.m1.um.example.test,S=19");
        assert_eq!(
            disk.read(path).unwrap(),
            b"Subject: one

text
"
        );
    }

    #[test]
    fn second_delivery_of_a_letter_is_recognised_read_or_not() {
        let there = ["new/U,S=20", "new/U", "cur/U,S=20:2,S", "cur/U:2,"];
        for place in there {
            let disk = MemoryDisk::default();
            let path = Path::new("mail/alice").join(place.replace('U', "1700000000.m1.um"));
            disk.put(&path, b"there").unwrap();
            let store = Maildir::open(Arc::new(disk.clone()), "mail".into()).unwrap();
            store.deliver_now(&letter("alice", "m1@um")).unwrap();
            let count = ["new", "cur"].map(|f| list(&disk, &format!("mail/alice/{f}")).len());
            assert_eq!(count.iter().sum::<usize>(), 1, "{place}");
        }
    }

    #[test]
    fn letter_whose_name_only_begins_alike_is_another_letter() {
        let disk = MemoryDisk::default();
        let store = Maildir::open(Arc::new(disk.clone()), "mail".into()).unwrap();
        for id in ["m1@um", "m1@um2", "m1@u"] {
            store.deliver_now(&letter("alice", id)).unwrap();
        }
        assert_eq!(list(&disk, "mail/alice/new").len(), 3);
    }

    #[test]
    fn half_a_letter_left_in_tmp_is_written_anew() {
        let disk = MemoryDisk::default();
        disk.put("mail/alice/tmp/1700000000.m1.um", b"Subj").unwrap();
        Maildir::open(Arc::new(disk.clone()), "mail".into()).unwrap().deliver_now(&letter("alice", "m1@um")).unwrap();
        assert_eq!(list(&disk, "mail/alice/tmp"), [""; 0]);
        assert_eq!(list(&disk, "mail/alice/new").len(), 1);
    }

    #[test]
    fn alias_cannot_leave_the_root() {
        let store = Maildir::open(Arc::new(MemoryDisk::default()), "mail".into()).unwrap();
        for alias in ["", "..", ".", ".hidden", "a/b", "/etc", "a\0b"] {
            assert_eq!(store.deliver_now(&letter(alias, "m1@um")).unwrap_err().kind, Failure::Permanent, "{alias:?}");
        }
    }

    #[test]
    fn full_disk_is_temporary_and_gives_its_room_back() {
        let disk = MemoryDisk::default();
        disk.set_room(Some(3));
        let store = Maildir::open(Arc::new(disk.clone()), "mail".into()).unwrap();
        let error = store.deliver_now(&letter("alice", "m1@um")).unwrap_err();
        assert_eq!(error.kind, Failure::Temporary);
        assert!(error.text.contains("mail/alice"), "{error:?}");
        assert_eq!(list(&disk, "mail/alice/tmp"), [""; 0]);
    }

    #[test]
    fn only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let root = std::env::temp_dir().join(format!("ringpost-maildir-{}", std::process::id()));
        let store = Maildir::open(Arc::new(RealDisk), root.clone()).unwrap();
        store.deliver_now(&letter("alice", "m1@um")).unwrap();
        let mode = |path: &str| std::fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
        for (path, expected) in [
            ("alice", 0o700),
            ("alice/new", 0o700),
            ("alice/cur", 0o700),
            ("alice/tmp", 0o700),
            ("alice/new/1700000000.m1.um,S=19", 0o600),
        ] {
            assert_eq!(mode(path), expected, "{path}");
        }
        std::fs::remove_dir_all(&root).unwrap();
    }
}
