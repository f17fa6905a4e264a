//! The tables of docs/administration.md.
//! Knows: how a setting is shown in Markdown. Must not: know one setting.

use std::fmt::Write;

use super::{Kind, Setting, State};

/// The Markdown table of all settings of a kind.
pub fn table(kind: Kind) -> String {
    let mut out = String::from("| key and option | Exchange | default | allowed | meaning |\n|---|---|---|---|---|\n");
    for setting in kind.settings() {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            code(setting.key),
            code(setting.parameter),
            cell(&setting.shown_default()),
            cell(&setting.allowed()),
            cell(&meaning(setting))
        );
    }
    out
}

fn meaning(setting: &Setting) -> String {
    let fixed = if setting.fixed { "; fixed once made" } else { "" };
    match setting.state {
        State::Works => format!("{}{fixed}", setting.meaning),
        State::Ignored(reason) => format!("ignored: {reason}"),
        State::NotBuilt(part) => format!("not built yet: {part}"),
    }
}

fn code(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("`{name}`") }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
