//! The steps of a change, on a draft of the files.
//! Knows: the registry, who refers to whom, the directory's reader. Must not: write.

use std::path::Path;

use toml_edit::{Item, Table};

use super::reading::{find, name, text};
use super::{ThisNode, shown_path};
use crate::admin::command::{Problem, Reason, Refusal, Step};
use crate::admin::edit::{Draft, Spot};
use crate::admin::settings::{Change, Default, Edit, Kind, Setting, State, Value};
use crate::directory::{Directory, Fault};

/// So many of the objects that stand in the way are named.
const SHOWN: usize = 5;

/// Takes the steps, and says of each what it did.
///
/// # Errors
/// A step that cannot be taken; faults of the directory as it would be.
pub(super) fn apply(draft: &mut Draft, steps: &[Step], node: &ThisNode, folder: &Path) -> Result<Vec<String>, Refusal> {
    let faults_before = Directory::load(&draft.sources()).err().unwrap_or_default();
    let mut done = Vec::with_capacity(steps.len());
    let mut touched: Vec<(Kind, String)> = Vec::new();
    for step in steps {
        done.push(match step {
            Step::New { kind, name, edits } => make(draft, *kind, name, edits, node, folder)?,
            Step::Set { kind, identity, edits } => set(draft, *kind, identity, edits, node, folder)?,
            Step::Remove { kind, identity } => remove(draft, *kind, identity, node)?,
        });
        let (Step::New { edits, .. } | Step::Set { edits, .. }) = step else { continue };
        let kind = match step {
            Step::New { kind, .. } | Step::Set { kind, .. } | Step::Remove { kind, .. } => *kind,
        };
        touched.push((kind, kind.identity().to_owned()));
        if let Step::New { .. } = step {
            // also what it lacks
            touched.extend(kind.settings().iter().map(|setting| (kind, setting.key.to_owned())));
        }
        touched.extend(edits.iter().map(|edit| (kind, edit.key.clone())));
    }
    match Directory::load(&draft.sources()) {
        Ok(directory) => {
            if touched.iter().any(|(kind, _)| kind.is_of_server()) {
                fits(&directory, node)?;
            }
            Ok(done)
        }
        Err(faults) => Err(unsound(faults, &faults_before, &touched)),
    }
}

/// What this node's entries say must be possible beside what it is configured for.
fn fits(directory: &Directory, node: &ThisNode) -> Result<(), Refusal> {
    let refused = |key: &str, message: String| Err(Refusal::of_setting(Reason::Invalid, key, message));
    let service = directory.service_of(&node.name);
    let router = directory.call_router_of(&node.name).and_then(|router| router.sip_tcp_listening_port);
    let ports = [
        ("sip_tcp_listening_port", "call router", router.unwrap_or(node.call_router_port)),
        ("port", "UM service", service.and_then(|service| service.port).unwrap_or(node.um_service_port)),
    ];
    for (at, (key, _, port)) in ports.iter().enumerate().filter(|(_, (_, _, port))| *port != 0) {
        let other = ports.iter().enumerate().find(|(other, (_, _, taken))| *other != at && taken == port);
        let taken = match other {
            Some((_, (_, name, _))) => Some(*name),
            None if node.worker_ports.contains(port) => Some("UM worker"),
            None if node.rtp_ports.contains(port) => Some("audio of calls"),
            None => None,
        };
        if let Some(taken) = taken {
            return refused(key, format!("port {port} of this node is for its {taken} already"));
        }
    }
    let room = u32::from(node.rtp_ports.end().saturating_sub(*node.rtp_ports.start()) / 2 + 1);
    match service.and_then(|service| service.max_calls_allowed) {
        Some(calls) if calls > room => refused(
            "max_calls_allowed",
            format!("{calls} calls need more RTP ports than this node has: room for {room}"),
        ),
        _ => Ok(()),
    }
}

fn make(
    draft: &mut Draft,
    kind: Kind,
    new: &str,
    edits: &[Edit],
    node: &ThisNode,
    folder: &Path,
) -> Result<String, Refusal> {
    let name_setting = Edit::text(kind.identity(), new);
    let gateway = edits.iter().find(|edit| edit.key == "ip_gateway").and_then(|edit| match &edit.change {
        Change::Set(value) => Some(value.show()),
        _ => None,
    });
    let identity = match (kind, gateway) {
        (Kind::HuntGroup, Some(gateway)) => format!("{gateway}\\{new}"),
        _ => new.to_owned(),
    };
    if let Ok(spot) = find(draft, kind, &identity, node) {
        let message = format!("{} named \"{identity}\" is there already, in {}", kind.a(), draft.file(spot));
        return Err(Refusal::new(Reason::Exists, message));
    }
    let mut keys = Vec::new();
    // in the order in which they are documented
    for setting in kind.settings().iter().filter(|setting| !setting.key.is_empty()) {
        let edits = std::iter::once(&name_setting).chain(edits).filter(|edit| edit.key == setting.key);
        let changes: Vec<&Change> = edits.map(|edit| &edit.change).collect();
        if changes.is_empty() {
            continue;
        }
        check(setting)?;
        if let Some(value) = changed_from_nothing(&changes) {
            keys.push((setting.key, toml_value(setting, value)?));
        }
    }
    for edit in edits {
        known(kind, &edit.key)?;
    }
    for missing in kind.working().filter(|setting| setting.default == Default::Needed) {
        if !keys.iter().any(|(key, _)| *key == missing.key) {
            let message = format!("is missing; allowed is: {}", missing.allowed());
            return Err(Refusal::of_setting(Reason::Invalid, missing.key, message));
        }
    }
    canonical_references(draft, kind, &mut keys, node);
    let spot = draft.append(kind, keys, |file| shown_path(folder, file));
    let shown = draft.table(spot).map_or_else(|| identity.clone(), |table| name(kind, table));
    Ok(format!("{kind} \"{shown}\" is made, in {}", draft.file(spot)))
}

/// What changes, one after the other, make of a setting that is not there yet.
fn changed_from_nothing(changes: &[&Change]) -> Option<Value> {
    let mut value = None;
    for change in changes {
        value = match (*change, value) {
            (Change::Set(new), _) => Some(new.clone()),
            (Change::Unset, _) => None,
            (Change::Add(more), Some(Value::List(mut members))) => {
                members.extend(more.iter().cloned());
                Some(Value::List(members))
            }
            (Change::Add(members), _) => Some(Value::List(members.clone())),
            (Change::Remove(less), Some(Value::List(mut members))) => {
                members.retain(|member| !less.iter().any(|removed| removed.eq_ignore_ascii_case(member)));
                Some(Value::List(members))
            }
            (Change::Remove(_), value) => value,
        };
    }
    value
}

/// References get the name as the object has it, whatever case the command used.
fn canonical_references(draft: &Draft, kind: Kind, keys: &mut [(&'static str, toml_edit::Value)], node: &ThisNode) {
    for to in Kind::ALL {
        for setting in kind.references_to(to).filter(|setting| !setting.is_list()) {
            for (_, value) in keys.iter_mut().filter(|(key, _)| *key == setting.key) {
                let found = value.as_str().and_then(|name| find(draft, to, name, node).ok());
                let name = found.and_then(|spot| text(draft.table(spot)?, to.identity()));
                if let Some(name) = name {
                    *value = name.into();
                }
            }
        }
    }
}

fn set(
    draft: &mut Draft,
    kind: Kind,
    identity: &str,
    edits: &[Edit],
    node: &ThisNode,
    folder: &Path,
) -> Result<String, Refusal> {
    let spot = match find(draft, kind, identity, node) {
        Ok(spot) => spot,
        // this node's entry is made when it is first needed
        Err(_) if kind.is_of_server() && node.is_named(identity) => {
            if edits.iter().any(|edit| matches!(edit.change, Change::Set(_) | Change::Add(_))) {
                make(draft, kind, &node.name, edits, node, folder)?;
            }
            return Ok(format!("{kind} \"{}\" is changed", node.name));
        }
        Err(refusal) => return Err(refusal),
    };
    let before = draft.table(spot).map(|table| name(kind, table)).unwrap_or_default();
    for edit in edits {
        let setting = known(kind, &edit.key)?;
        check(setting)?;
        if setting.fixed && !is_as_it_is(draft, spot, setting, &edit.change) {
            let message = format!("is fixed when {} is made; remove the {kind} and make a new one", kind.a());
            return Err(Refusal::of_setting(Reason::Invalid, setting.key, message));
        }
        if setting.key == kind.identity() && !setting.fixed {
            rename(draft, spot, setting, &edit.change)?;
        }
        match &edit.change {
            Change::Set(value) => {
                let mut keys = [(setting.key, toml_value(setting, value.clone())?)];
                canonical_references(draft, kind, &mut keys, node);
                let [(key, value)] = keys;
                draft.set(spot, key, value);
            }
            Change::Unset => draft.unset(spot, setting.key),
            Change::Add(_) | Change::Remove(_) if !setting.is_list() => {
                return Err(Refusal::of_setting(Reason::Invalid, setting.key, "has one value; nothing is added to it"));
            }
            Change::Add(members) => draft.add(spot, setting.key, members),
            Change::Remove(members) => draft.take(spot, setting.key, members),
        }
    }
    Ok(format!("{kind} \"{before}\" is changed"))
}

fn is_as_it_is(draft: &Draft, spot: Spot, setting: &Setting, change: &Change) -> bool {
    let there = draft.table(spot).and_then(|table| table.get(setting.key)?.as_value());
    let there = there.and_then(|value| setting.from_toml(value)).map(|value| value.show());
    match change {
        Change::Set(value) => there.unwrap_or_else(|| setting.shown_default()).eq_ignore_ascii_case(&value.show()),
        Change::Unset => there.is_none(),
        Change::Add(members) | Change::Remove(members) => members.is_empty(),
    }
}

/// The objects that name this one name it by its new name.
fn rename(draft: &mut Draft, spot: Spot, setting: &Setting, change: &Change) -> Result<(), Refusal> {
    let Change::Set(value) = change else {
        return Err(Refusal::of_setting(Reason::Invalid, setting.key, "cannot be left out"));
    };
    let (old, new) = match draft.table(spot).and_then(|table| text(table, setting.key)) {
        Some(old) => (old.to_owned(), value.show()),
        None => return Ok(()),
    };
    let is_old = |name: &str| name.to_lowercase() == old.to_lowercase();
    for (user, key, is_list) in users(draft, spot.kind, &old) {
        match is_list {
            false => draft.set(user, key, new.clone().into()),
            true => {
                let Some(Item::Value(value)) = draft.table(user).and_then(|table| table.get(key)) else { continue };
                let members =
                    value.as_array().into_iter().flat_map(|array| array.iter()).chain(value.as_str().map(|_| value));
                let renamed = members.filter_map(|member| {
                    let member = member.as_str()?;
                    // equivalent plans are named with a domain behind, too
                    let domain = member.get(old.len()..).filter(|rest| rest.starts_with('.'));
                    let head = member.get(..old.len()).filter(|head| is_old(head) && domain.is_some());
                    Some(match (is_old(member), head, domain) {
                        (true, _, _) => new.clone(),
                        (false, Some(_), Some(domain)) => format!("{new}{domain}"),
                        _ => member.to_owned(),
                    })
                });
                let renamed: toml_edit::Array = renamed.collect();
                draft.set(user, key, renamed.into());
            }
        }
    }
    Ok(())
}

fn remove(draft: &mut Draft, kind: Kind, identity: &str, node: &ThisNode) -> Result<String, Refusal> {
    let spot = find(draft, kind, identity, node)?;
    let table = draft.table(spot);
    let (shown, own) = table
        .map(|table| (name(kind, table), text(table, kind.identity()).unwrap_or_default().to_owned()))
        .unwrap_or_default();
    let users = users(draft, kind, &own);
    if !users.is_empty() {
        let named: Vec<String> = users
            .iter()
            .filter_map(|(user, _, _)| Some(format!("{} \"{}\"", user.kind, name(user.kind, draft.table(*user)?))))
            .collect();
        let more = named.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = named.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
        return Err(Refusal::new(Reason::InUse, format!("{kind} \"{shown}\" is in use by {named}{more}")));
    }
    let file = draft.file(spot).to_owned();
    draft.remove(spot);
    Ok(format!("{kind} \"{shown}\" is removed from {file}"))
}

/// Who names an object: where, by which key, and whether in a list.
fn users(draft: &Draft, kind: Kind, own: &str) -> Vec<(Spot, &'static str, bool)> {
    let own = own.to_lowercase();
    let names = |table: &Table, key: &str| {
        let value = table.get(key).and_then(Item::as_value);
        let one = value.and_then(|value| value.as_str()).map(str::to_lowercase);
        let several = value.and_then(|value| value.as_array()).into_iter().flat_map(|array| array.iter());
        let mut all = one.into_iter().chain(several.filter_map(|member| Some(member.as_str()?.to_lowercase())));
        all.any(|name| {
            name == own || kind == Kind::DialPlan && name.strip_prefix(&own).is_some_and(|rest| rest.starts_with('.'))
        })
    };
    let mut found = Vec::new();
    for user in Kind::ALL {
        let contexts = (kind == Kind::DialPlan).then(|| user.setting("equivalent_dial_plan_phone_contexts")).flatten();
        for setting in user.references_to(kind).chain(contexts) {
            let users = draft.objects(user).filter(|(_, table)| names(table, setting.key));
            found.extend(users.map(|(spot, _)| (spot, setting.key, setting.is_list())));
        }
    }
    found
}

fn known(kind: Kind, key: &str) -> Result<&'static Setting, Refusal> {
    kind.setting(key).ok_or_else(|| {
        let keys = kind.settings().iter().map(|setting| setting.key);
        let message = crate::directory::unknown_key(key, keys);
        Refusal::of_setting(Reason::Invalid, key, format!("{message} ({kind})"))
    })
}

/// Refuses what does nothing here.
fn check(setting: &Setting) -> Result<(), Refusal> {
    match setting.state {
        State::Works => Ok(()),
        State::NotBuilt(_) => {
            let message = setting.why_not().unwrap_or_default();
            Err(Refusal::of_setting(Reason::NotBuilt, setting.key, message))
        }
        State::Ignored(reason) => {
            Err(Refusal::of_setting(Reason::NotBuilt, setting.key, format!("has no meaning here: {reason}")))
        }
    }
}

fn toml_value(setting: &Setting, value: Value) -> Result<toml_edit::Value, Refusal> {
    setting.to_toml(value).map_err(|message| {
        Refusal::of_setting(Reason::Invalid, setting.key, format!("{message}; allowed is: {}", setting.allowed()))
    })
}

/// The faults of the directory as it would be: those of the command by their setting, others by file and line.
fn unsound(faults: Vec<Fault>, before: &[Fault], touched: &[(Kind, String)]) -> Refusal {
    let is_old = |fault: &Fault| {
        before.iter().any(|old| (&old.file, &old.key, &old.message) == (&fault.file, &fault.key, &fault.message))
    };
    let (old, new): (Vec<Fault>, Vec<Fault>) = faults.into_iter().partition(is_old);
    let message = match new.is_empty() {
        true => "the directory has faults already; put them right in its files first:",
        false => "",
    };
    let shown = if new.is_empty() { old } else { new };
    let problems = shown.into_iter().map(|fault| {
        let place = fault.line.map_or(fault.file.clone(), |line| format!("{}:{line}", fault.file));
        let is_ours = message.is_empty() && touched.iter().any(|(_, key)| *key == fault.key);
        Problem { place: if is_ours { String::new() } else { place }, key: fault.key, message: fault.message }
    });
    Refusal { reason: Reason::Invalid, message: message.to_owned(), problems: problems.collect() }
}
