//! Who may administer by HTTP: the token file, `role name secret` a line.
//! Knows: the file's form, hashes, constant-time comparison. Must not: know requests.
//!
//! A secret is the token itself, or `sha256:` and the hash of it in hexadecimal. The file is read for each request:
//! a line that is taken out is out at once.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// To look.
    Read,
    /// To change, too.
    Manage,
}

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{} may be read by others than its owner: chmod 600 it", path.display())]
    Open { path: PathBuf },
    #[error("{}:{line}: {what}", path.display())]
    Line { path: PathBuf, line: usize, what: &'static str },
}

/// The tokens of a file.
#[derive(Debug)]
pub struct Tokens(Vec<Token>);

#[derive(Debug)]
struct Token {
    role: Role,
    name: String,
    hash: [u8; SHA256_OUTPUT_LEN],
}

/// Shorter secrets can be guessed.
const SHORTEST: usize = 16;

impl Tokens {
    /// # Errors
    /// A file that cannot be read, that others may read, or a line that is none.
    pub fn read(path: &Path) -> Result<Tokens, TokenError> {
        let io = |error| TokenError::Io { path: path.to_owned(), error };
        let mode = fs::metadata(path).map_err(io)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(TokenError::Open { path: path.to_owned() });
        }
        let text = fs::read_to_string(path).map_err(io)?;
        Tokens::parse(&text).map_err(|(line, what)| TokenError::Line { path: path.to_owned(), line, what })
    }

    fn parse(text: &str) -> Result<Tokens, (usize, &'static str)> {
        let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        lines
            .map(|(number, line)| Token::parse(line).map_err(|what| (number, what)))
            .collect::<Result<_, _>>()
            .map(Tokens)
    }

    /// Role and name of whoever shows this secret. Takes as long whichever it is, and whether or not it is one.
    pub fn find(&self, secret: &str) -> Option<(Role, &str)> {
        let shown = digest(&SHA256, secret.as_bytes());
        let mut found = u32::MAX;
        for (number, token) in (0_u32..).zip(&self.0) {
            let same: Choice = token.hash.ct_eq(shown.as_ref());
            found.conditional_assign(&number, same);
        }
        let token = self.0.get(usize::try_from(found).ok()?)?;
        Some((token.role, &token.name))
    }
}

impl Token {
    fn parse(line: &str) -> Result<Token, &'static str> {
        let mut words = line.split_whitespace();
        let (Some(role), Some(name), Some(secret), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("a line is: role name secret");
        };
        let role = match role {
            "read" => Role::Read,
            "manage" => Role::Manage,
            _ => return Err("the role is read or manage"),
        };
        let hash = match secret.strip_prefix("sha256:") {
            Some(hash) => from_hexadecimal(hash).ok_or("sha256: is followed by 64 hexadecimal digits")?,
            None if secret.len() < SHORTEST => return Err("the secret is too short: 16 characters or more"),
            None => hash_of(secret),
        };
        Ok(Token { role, name: name.to_owned(), hash })
    }
}

/// Writes a file with one token, drawn from `random`, that may do everything; leaves one that is there.
pub fn create_if_missing(path: &Path, random: impl FnOnce(&mut [u8])) -> Result<(), TokenError> {
    let io = |error| TokenError::Io { path: path.to_owned(), error };
    let mut file = match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(io(error)),
    };
    let mut secret = [0; 32];
    random(&mut secret);
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("# role (read, manage), name, and the token or sha256:<hash of it>\nmanage local {secret}\n");
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)
}

fn hash_of(secret: &str) -> [u8; SHA256_OUTPUT_LEN] {
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.iter_mut().zip(digest(&SHA256, secret.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

fn from_hexadecimal(text: &str) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    let mut hash = [0; SHA256_OUTPUT_LEN];
    if text.len() != 2 * hash.len() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (number, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * number..2 * number + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "0123456789abcdef0123";

    #[test]
    fn a_token_is_known_by_itself_or_by_its_hash_and_has_its_role() {
        // printf %s another-long-secret | sha256sum
        let hash: String = hash_of("another-long-secret").iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("# comment\n\nmanage ops {PLAIN}\nread  grafana\tsha256:{hash}\n");
        let tokens = Tokens::parse(&text).unwrap();
        assert_eq!(tokens.find(PLAIN), Some((Role::Manage, "ops")));
        assert_eq!(tokens.find("another-long-secret"), Some((Role::Read, "grafana")));
        for none in ["", "0123456789abcdef012", "0123456789abcdef0124", &format!("sha256:{hash}"), &hash] {
            assert_eq!(tokens.find(none), None, "{none}");
        }
        assert_eq!(Tokens::parse("").unwrap().find(""), None);
    }

    #[test]
    fn the_hash_is_sha_256() {
        let hash: String = hash_of("abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(from_hexadecimal(&hash), Some(hash_of("abc")));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for (text, fault) in [
            ("manage ops", (1, "a line is: role name secret")),
            ("# x\nadmin ops 0123456789abcdef", (2, "the role is read or manage")),
            ("read ops short", (1, "the secret is too short: 16 characters or more")),
            ("read ops sha256:zz", (1, "sha256: is followed by 64 hexadecimal digits")),
        ] {
            assert_eq!(Tokens::parse(text).unwrap_err(), fault, "{text}");
        }
    }

    #[test]
    fn the_file_is_made_once_for_its_owner_alone_and_refused_when_others_may_read_it() {
        let folder = std::env::temp_dir().join(format!("ringpost-tokens-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("admin-token");
        create_if_missing(&path, |bytes| bytes.fill(0xab)).unwrap();
        create_if_missing(&path, |bytes| bytes.fill(0xcd)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Tokens::read(&path).unwrap().find(&"ab".repeat(32)), Some((Role::Manage, "local")));

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Tokens::read(&path).unwrap_err().to_string();
        assert!(refused.ends_with("may be read by others than its owner: chmod 600 it"), "{refused}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
