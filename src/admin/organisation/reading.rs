//! Objects as they stand in the files, with their defaults.
//! Knows: tables, the registry, how objects are named. Must not: change anything.

use std::collections::BTreeMap;

use toml_edit::{Item, Table};

use super::ThisNode;
use crate::admin::command::{Object, Reason, Refusal};
use crate::admin::edit::{Draft, Spot};
use crate::admin::settings::{Default, Kind, Value};

/// All objects of a kind. This node's service and call router are there without an entry, too.
pub(super) fn objects(draft: &Draft, kind: Kind, node: &ThisNode) -> Vec<Object> {
    let mut objects: Vec<Object> =
        draft.objects(kind).map(|(spot, table)| object_of(draft, Some(spot), table, kind, node)).collect();
    if kind.is_of_server() && !objects.iter().any(|object| node.is_named(&object.identity)) {
        objects.insert(0, own_server(draft, kind, node));
    }
    objects
}

/// The one object of a name.
pub(super) fn object(draft: &Draft, kind: Kind, identity: &str, node: &ThisNode) -> Result<Object, Refusal> {
    match find(draft, kind, identity, node) {
        Ok(spot) => {
            let table = draft.table(spot).ok_or_else(|| not_found(draft, kind, identity))?;
            Ok(object_of(draft, Some(spot), table, kind, node))
        }
        Err(_) if kind.is_of_server() && node.is_named(identity) => Ok(own_server(draft, kind, node)),
        Err(refusal) => Err(refusal),
    }
}

/// Where the object of a name stands. Case does not count.
pub(super) fn find(draft: &Draft, kind: Kind, identity: &str, node: &ThisNode) -> Result<Spot, Refusal> {
    let found: Vec<Spot> =
        draft.objects(kind).filter(|(_, table)| is_named(kind, table, identity, node)).map(|(spot, _)| spot).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(not_found(draft, kind, identity)),
        several => {
            let names: Vec<String> =
                several.iter().filter_map(|spot| draft.table(*spot)).map(|table| name(kind, table)).collect();
            let message =
                format!("\"{identity}\" is the name of {} {}: {}", names.len(), kind.several(), names.join(", "));
            Err(Refusal::new(Reason::NotFound, message))
        }
    }
}

/// What an object is called: `Lab`, `Loopback\Lab Pilot`, `alice`.
pub(super) fn name(kind: Kind, table: &Table) -> String {
    let name = text(table, kind.identity()).unwrap_or("(without a name)");
    match (kind, text(table, "ip_gateway")) {
        (Kind::HuntGroup, Some(gateway)) => format!("{gateway}\\{name}"),
        _ => name.to_owned(),
    }
}

fn is_named(kind: Kind, table: &Table, identity: &str, node: &ThisNode) -> bool {
    let same = |text: Option<&str>, name: &str| text.is_some_and(|text| text.to_lowercase() == name.to_lowercase());
    let own = text(table, kind.identity());
    match kind {
        Kind::HuntGroup => match identity.rsplit_once('\\') {
            Some((gateway, name)) => same(text(table, "ip_gateway"), gateway) && same(own, name),
            None => same(own, identity),
        },
        // Exchange takes DOMAIN\user, e-mail addresses and display names
        Kind::Mailbox => {
            let alias = identity.rsplit_once('\\').map_or(identity, |(_, alias)| alias);
            same(own, alias) || ["email_address", "display_name"].iter().any(|key| same(text(table, key), identity))
        }
        Kind::Service | Kind::CallRouter if node.is_named(identity) => own.is_some_and(|own| node.is_named(own)),
        _ => same(own, identity),
    }
}

fn not_found(draft: &Draft, kind: Kind, identity: &str) -> Refusal {
    let names: Vec<String> = draft.objects(kind).map(|(_, table)| name(kind, table)).collect();
    let near = crate::directory::nearest(identity, names.iter().map(String::as_str));
    let hint = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
    Refusal::new(Reason::NotFound, format!("no {kind} is named \"{identity}\"{hint}"))
}

fn object_of(draft: &Draft, spot: Option<Spot>, table: &Table, kind: Kind, node: &ThisNode) -> Object {
    let mut values = BTreeMap::new();
    let mut defaults = Vec::new();
    for setting in kind.working() {
        let given = table.get(setting.key).and_then(Item::as_value).and_then(|value| setting.from_toml(value));
        let value = given.or_else(|| {
            defaults.push(setting.key.to_owned());
            default_of(draft, kind, setting.key, setting.default, table, node)
        });
        if let Some(value) = value {
            values.insert(setting.key.to_owned(), value);
        }
    }
    let file = spot.map(|spot| draft.file(spot).to_owned()).unwrap_or_default();
    Object { kind, identity: name(kind, table), file, values, defaults }
}

fn own_server(draft: &Draft, kind: Kind, node: &ThisNode) -> Object {
    let mut table = Table::new();
    table.insert("name", toml_edit::value(node.name.clone()));
    object_of(draft, None, &table, kind, node)
}

fn default_of(draft: &Draft, kind: Kind, key: &str, default: Default, table: &Table, node: &ThisNode) -> Option<Value> {
    match default {
        Default::Needed | Default::None => None,
        Default::Text(text) => Some(Value::Text(text.to_owned())),
        Default::Number(number) => Some(Value::Number(number)),
        Default::Switch(switch) => Some(Value::Switch(switch)),
        Default::From(_) => match (kind, key) {
            (Kind::Mailbox, "display_name") => text(table, "alias").map(|alias| Value::Text(alias.to_owned())),
            (Kind::Mailbox, "language") => language_of_plan(draft, table, node).map(Value::Text),
            (Kind::Service, "max_calls_allowed") if is_own(table, node) => {
                Some(Value::Number(node.max_calls_allowed.into()))
            }
            (Kind::Service, "port") if is_own(table, node) => Some(Value::Number(node.um_service_port.into())),
            (Kind::Service, "port") => Some(Value::Number(5062)),
            (Kind::Service, "address") => text(table, "name").map(|name| Value::Text(name.to_owned())),
            (Kind::CallRouter, "sip_tcp_listening_port") if is_own(table, node) => {
                Some(Value::Number(node.call_router_port.into()))
            }
            (Kind::CallRouter, "sip_tcp_listening_port") => Some(Value::Number(5060)),
            (Kind::CallRouter, "sip_tls_listening_port") => Some(Value::Number(5061)),
            (_, "um_startup_mode") => Some(Value::Text("TCP".to_owned())),
            _ => None,
        },
    }
}

fn is_own(table: &Table, node: &ThisNode) -> bool {
    text(table, "name").is_some_and(|name| node.is_named(name))
}

fn language_of_plan(draft: &Draft, mailbox: &Table, node: &ThisNode) -> Option<String> {
    let policy = find(draft, Kind::MailboxPolicy, text(mailbox, "mailbox_policy")?, node).ok()?;
    let plan = find(draft, Kind::DialPlan, text(draft.table(policy)?, "dial_plan")?, node).ok()?;
    Some(text(draft.table(plan)?, "default_language").unwrap_or("en-US").to_owned())
}

pub(super) fn text<'t>(table: &'t Table, key: &str) -> Option<&'t str> {
    table.get(key)?.as_str()
}
