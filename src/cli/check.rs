//! `ringpost check`: is the configuration sound, and what is in it?
//! Knows: where configuration is read from. Must not: start anything, decide what is sound (the readers do).

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::directory::{Directory, DirectoryProvider, Fault};
use crate::engine::Disk;
use crate::engine::config::{MailStore, NodeConfig, process_environment};
use crate::engine::disk::RealDisk;
use crate::engine::provider::TomlFolder;

/// What a sound configuration holds; printed as a few lines for an administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub folder: PathBuf,
    pub dial_plans: usize,
    pub ip_gateways: usize,
    pub hunt_groups: usize,
    pub mailbox_policies: usize,
    pub mailboxes: usize,
    /// What is allowed and yet perhaps not meant.
    pub notes: Vec<String>,
}

/// Everything that is wrong; printed one fault a line, `file:line: key: message`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

/// Reads and validates the node's settings and the organisation of a configuration folder.
///
/// # Errors
/// All faults of both at once.
pub fn run(config_dir: &Path) -> Result<Report, Faults> {
    check(Arc::new(RealDisk), config_dir, process_environment())
}

fn check(disk: Arc<dyn Disk>, folder: &Path, environment: HashMap<String, String>) -> Result<Report, Faults> {
    let mut faults = Vec::new();
    let node = NodeConfig::read(&*disk, folder, environment).map_err(|found| faults.extend(found)).ok();
    if let Some(node) = &node {
        faults.extend(password_fault(&*disk, node));
    }
    // with unreadable settings the organisation is still looked for where it usually is
    let organisation = node.map_or_else(|| folder.join("directory"), |node| node.directory);
    let sources = TomlFolder::new(disk, organisation).read().map_err(|error| error.into_faults());
    let directory = sources.and_then(|sources| Directory::load(&sources)).map_err(|found| faults.extend(found)).ok();
    match directory {
        Some(directory) if faults.is_empty() => Ok(Report::of(folder, &directory)),
        _ => Err(Faults(faults)),
    }
}

/// A password file that cannot be read would otherwise show with the first message only.
fn password_fault(disk: &dyn Disk, node: &NodeConfig) -> Option<Fault> {
    let MailStore::Smtp(smtp) = &node.mail.store else { return None };
    let error = smtp.credentials.as_ref()?.password.reveal(disk).err()?;
    Some(Fault { key: "mail.smtp.password_file".to_owned(), ..Fault::of_file("ringpost.toml", error.to_string()) })
}

impl Report {
    fn of(folder: &Path, directory: &Directory) -> Report {
        let plans = directory.dial_plans().iter();
        let reached = |plan: &str| directory.hunt_groups().iter().any(|group| group.dial_plan.name.as_str() == plan);
        let lonely_plans = plans.filter(|plan| !reached(plan.name.as_str())).map(|plan| {
            format!("dial plan \"{}\": no hunt group leads to it, so none of its calls are answered", plan.name)
        });
        let gateways = directory.ip_gateways().iter();
        let linked =
            |gateway: &str| directory.hunt_groups().iter().any(|group| group.ip_gateway.name.as_str() == gateway);
        let lonely_gateways = gateways
            .filter(|gateway| !linked(gateway.name.as_str()))
            .map(|gateway| format!("IP gateway \"{}\": has no hunt group, so its calls are refused", gateway.name));
        let hosts = directory.gateway_hosts();
        let unlocated = hosts.map(|host| format!("IP gateway address \"{host}\": is looked up when the node starts"));
        Report {
            folder: folder.to_owned(),
            dial_plans: directory.dial_plans().len(),
            ip_gateways: directory.ip_gateways().len(),
            hunt_groups: directory.hunt_groups().len(),
            mailbox_policies: directory.mailbox_policies().len(),
            mailboxes: directory.mailboxes().len(),
            notes: lonely_plans.chain(lonely_gateways).chain(unlocated).collect(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many =
            |count: usize, one: &str, several: &str| format!("{count} {}", if count == 1 { one } else { several });
        let counts = [
            many(self.dial_plans, "dial plan", "dial plans"),
            many(self.ip_gateways, "IP gateway", "IP gateways"),
            many(self.hunt_groups, "hunt group", "hunt groups"),
            many(self.mailbox_policies, "mailbox policy", "mailbox policies"),
            many(self.mailboxes, "mailbox", "mailboxes"),
        ];
        write!(f, "{}: sound: {}", self.folder.display(), counts.join(", "))?;
        self.notes.iter().try_for_each(|note| write!(f, "\nnote: {note}"))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{fault}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::MemoryDisk;

    const PLAN: &str = "[[dial_plan]]\nname = \"Lab\"\nnumber_of_digits_in_extension = 4\n";

    fn checked(files: &[(&str, &str)]) -> String {
        let disk = MemoryDisk::default();
        for (name, text) in files {
            disk.put(name, text.as_bytes()).unwrap();
        }
        match check(Arc::new(disk), Path::new("config"), HashMap::new()) {
            Ok(report) => report.to_string(),
            Err(faults) => faults.to_string(),
        }
    }

    #[test]
    fn the_configuration_as_shipped_is_sound() {
        let files = [
            ("config/ringpost.toml", include_str!("../../config/ringpost.toml")),
            ("config/directory/dial-plans.toml", include_str!("../../config/directory/dial-plans.toml")),
            ("config/directory/gateways.toml", include_str!("../../config/directory/gateways.toml")),
            ("config/directory/mailboxes.toml", include_str!("../../config/directory/mailboxes.toml")),
        ];
        assert_eq!(
            checked(&files),
            "config: sound: 1 dial plan, 1 IP gateway, 1 hunt group, 1 mailbox policy, 3 mailboxes"
        );
    }

    #[test]
    fn faults_of_node_and_organisation_are_told_together() {
        let files =
            [("config/ringpost.toml", "colour = 1"), ("config/directory/a.toml", "[[dial_plan]]\nname = \"Lab\"\n")];
        assert_eq!(
            checked(&files),
            "config/ringpost.toml:1: colour: is not known here\n\
             config/directory/a.toml:1: number_of_digits_in_extension: is missing; 1 to 20 is allowed"
        );
    }

    #[test]
    fn what_no_call_can_reach_is_noted() {
        let gateway = "[[ip_gateway]]\nname = \"G\"\naddress = \"gw.example.test\"\n";
        let files = [("config/ringpost.toml", ""), ("config/directory/a.toml", &format!("{PLAN}{gateway}"))];
        assert_eq!(
            checked(&files),
            "config: sound: 1 dial plan, 1 IP gateway, 0 hunt groups, 0 mailbox policies, 0 mailboxes\n\
             note: dial plan \"Lab\": no hunt group leads to it, so none of its calls are answered\n\
             note: IP gateway \"G\": has no hunt group, so its calls are refused\n\
             note: IP gateway address \"gw.example.test\": is looked up when the node starts"
        );
    }

    #[test]
    fn missing_folders_and_password_files_are_faults() {
        let smtp = "[mail]\nstore = \"smtp\"\nfrom = \"a@example.test\"\n\
                    [mail.smtp]\nhost = \"h\"\nusername = \"a\"\npassword_file = \"secret\"\n";
        let found = checked(&[("config/ringpost.toml", smtp)]);
        assert!(found.starts_with("ringpost.toml: mail.smtp.password_file: "), "{found}");
        assert!(found.ends_with("config/directory: holds no *.toml file"), "{found}");
        assert!(checked(&[]).starts_with("config/ringpost.toml: cannot be read: "));
    }
}
