//! What all calls of a replay share.
//! Knows: addresses, keys, the lines of a CSV file. Must not: know a call.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::protocol::random::Random;
use crate::protocol::sip::Transport;

/// Addresses and terms of a replay.
#[derive(Debug, Clone)]
pub struct Setup {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    /// As it was given on the command line.
    pub remote_host: String,
    pub transport: Transport,
    pub media_ip: IpAddr,
    pub media_port: u16,
    pub service: String,
    /// Stands for this process in Call-IDs and branches.
    pub process: u32,
    pub fields: Vec<FieldFile>,
    /// Copies are sent and known over UDP (sipp's `-nr` turns it off).
    pub retransmits: bool,
    /// For a `recv` without a time of its own.
    pub receive_timeout: Option<Duration>,
}

/// A CSV file for `[fieldN]`: its first line says in which order its other lines are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFile {
    /// As scenarios name it.
    pub name: String,
    order: Order,
    lines: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Sequential,
    Random,
    /// By the number of the user, where there are users; here: by the call's.
    User,
}

impl FieldFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(name: &str, text: &str) -> Result<FieldFile, String> {
        let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
        let first = lines.next().unwrap_or_default().trim();
        let order = match first {
            "SEQUENTIAL" => Order::Sequential,
            "RANDOM" => Order::Random,
            "USER" => Order::User,
            other => {
                let known = "SEQUENTIAL, RANDOM or USER";
                return Err(format!("{name}: line 1: \"{other}\" does not say in which order lines are used: {known}"));
            }
        };
        let used = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines: Vec<_> = used.map(|line| line.split(';').map(str::to_owned).collect::<Vec<_>>()).collect();
        match lines.is_empty() {
            true => Err(format!("{name}: there is no line of fields in it")),
            false => Ok(FieldFile { name: name.to_owned(), order, lines }),
        }
    }

    /// The line for a call, numbered from 1.
    pub fn line_for(&self, call: u64, random: &mut Random) -> usize {
        let count = self.lines.len() as u64;
        let line = match self.order {
            Order::Sequential | Order::User => call.saturating_sub(1) % count,
            Order::Random => random.up_to(count - 1),
        };
        usize::try_from(line).unwrap_or(0)
    }

    /// A field of a line; nothing where there is none.
    pub fn field(&self, line: usize, number: usize) -> &str {
        self.lines.get(line).and_then(|line| line.get(number)).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_used_as_the_first_one_says() {
        let file = FieldFile::read("u.csv", "SEQUENTIAL\n# a comment\nann;secret\nbob;\n").unwrap();
        let mut random = Random::new(1);
        let of = |call, random: &mut Random| file.field(file.line_for(call, random), 0).to_owned();
        assert_eq!([1, 2, 3].map(|call| of(call, &mut random)), ["ann", "bob", "ann"]);
        assert_eq!((file.field(0, 1), file.field(0, 9), file.field(9, 0)), ("secret", "", ""));
        let random_file = FieldFile::read("u.csv", "RANDOM\na\nb\nc\n").unwrap();
        let lines: std::collections::BTreeSet<_> =
            (0..60).map(|call| random_file.line_for(call, &mut random)).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            FieldFile::read("u.csv", "a;b\n").unwrap_err(),
            "u.csv: line 1: \"a;b\" does not say in which order lines are used: SEQUENTIAL, RANDOM or USER"
        );
    }
}
