//! What `Get-Help` and `-?` print of a cmdlet.
//! Knows: the table of cmdlets, what parameters mean here. Must not: carry anything out.

use super::cmdlet::{Cmdlet, Parameter, all};
use super::parse::{Argument, Call};
use super::sense::{Action, Sense, action, sense};

/// The cmdlet that a call asks about, if it asks: `Get-Help NAME`, `NAME -?`, `NAME --help`.
pub(super) fn asked(call: &Call) -> Option<String> {
    let mut words = call.arguments.iter().filter_map(|argument| match argument {
        Argument::Value(value) => value.text(),
        Argument::Parameter { value, .. } => value.as_ref().and_then(|value| value.text()),
    });
    match call.name.to_ascii_lowercase().as_str() {
        "get-help" => Some(words.next().unwrap_or_default().to_owned()),
        _ => words.any(|word| ["-?", "--help"].contains(&word)).then(|| call.name.clone()),
    }
}

/// Every cmdlet that can be used, a line each.
pub(super) fn names() -> String {
    let built = all().iter().filter(|cmdlet| !matches!(action(cmdlet.name), Action::NotBuilt(_)));
    built.map(|cmdlet| format!("{}\n", cmdlet.name)).collect()
}

/// Every parameter of a cmdlet, a line each: what it takes and what it means.
pub(super) fn text(cmdlet: &Cmdlet) -> String {
    let mut text = format!("{}\n", cmdlet.name);
    if let Action::NotBuilt(part) = action(cmdlet.name) {
        return format!("{text}  is not built yet (it belongs to {part})\n");
    }
    let lines: Vec<(String, String)> = cmdlet.parameters.iter().map(|parameter| line(cmdlet, parameter)).collect();
    let width = lines.iter().map(|(head, _)| head.chars().count()).max().unwrap_or_default();
    for (head, meaning) in lines {
        text.push_str(format!("  {head:width$}  {meaning}").trim_end());
        text.push('\n');
    }
    text.push_str("  and the common parameters: -WhatIf, -Confirm:$false, -ErrorAction, -Verbose …\n");
    text
}

fn line(cmdlet: &Cmdlet, parameter: &Parameter) -> (String, String) {
    let name = match parameter.is_first {
        true => format!("[-{}]", parameter.name),
        false => format!("-{}", parameter.name),
    };
    let head = if parameter.is_switch() { name } else { format!("{name} <{}>", parameter.of) };
    let meaning = match sense(cmdlet.name, parameter.name) {
        Some(Sense::Setting(_, setting)) => {
            format!("{}; {} (default: {})", setting.meaning, setting.allowed(), setting.shown_default())
        }
        Some(Sense::Ignored(reason)) => format!("ignored: {reason}"),
        Some(Sense::NotBuilt(part)) => format!("not built yet (it belongs to {part})"),
        Some(Sense::Identity) => "which object".to_owned(),
        Some(Sense::Own | Sense::Common) | None => String::new(),
    };
    let needed = if parameter.required { "needed" } else { "" };
    let parts: Vec<&str> = [needed, meaning.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
    (head, parts.join("; "))
}
