//! The directory as administrators and gateways meet it: files in, faults or answers out.

mod arbitrary;
mod cost;
mod load;
mod mailboxes;
mod resolve;

use super::{Directory, Fault, SourceFile};

/// The sample organisation as shipped.
fn sample_files() -> Vec<SourceFile> {
    vec![
        SourceFile::new("dial-plans.toml", include_str!("../../../config/directory/dial-plans.toml")),
        SourceFile::new("gateways.toml", include_str!("../../../config/directory/gateways.toml")),
        SourceFile::new("mailboxes.toml", include_str!("../../../config/directory/mailboxes.toml")),
    ]
}

/// Loads one file that has no fault.
fn directory(text: &str) -> Directory {
    match Directory::load(&[SourceFile::new("a.toml", text)]) {
        Ok(directory) => directory,
        Err(faults) => panic!("{}", show(&faults)),
    }
}

/// The faults of one file as an administrator reads them, one a line.
fn faults(text: &str) -> String {
    match Directory::load(&[SourceFile::new("a.toml", text)]) {
        Ok(_) => String::new(),
        Err(faults) => show(&faults),
    }
}

fn show(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
}

/// Lines 1 to 11: a plan, a policy and a gateway; the object under test begins at line 12.
const BASE: &str = r#"[[dial_plan]]
name = "Lab"
number_of_digits_in_extension = 4
[[mailbox_policy]]
name = "Policy"
dial_plan = "Lab"
[[ip_gateway]]
name = "Gateway"
address = "192.0.2.1"
port = 5060

"#;

fn with_base(text: &str) -> String {
    format!("{BASE}{text}")
}
