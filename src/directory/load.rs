//! From configuration text to a [`Directory`]: parse the files, read every object, tie them together.
//! Knows: the kinds of objects. Must not: know one object's keys, read a file.
//! Every fault of every file is found in one pass, except those that would only follow from another.

use std::collections::HashMap;
use std::sync::Arc;

use toml_edit::{Document, Item, Table};

use super::fields::{Fields, unknown_key};
use super::lookup::Objects;
use super::names::{HostName, Name};
use super::registry::Registry;
use super::source::{Fault, Faults, Located, Place, SourceFile};
use super::{
    CallRouter, DialPlan, Directory, HuntGroup, IpGateway, Mailbox, MailboxPolicy, Service, UriType, link, registry,
};

const KINDS: [&str; 7] =
    ["dial_plan", "ip_gateway", "hunt_group", "mailbox_policy", "mailbox", "service", "call_router"];
const LATER_KINDS: [&str; 2] = ["auto_attendant", "call_answering_rule"];

/// Configuration text, parsed: for all who look at the same reading.
pub struct Parsed<'s> {
    /// `None`: is not TOML.
    documents: Vec<Option<Document<&'s str>>>,
    faults: Faults<'s>,
}

impl<'s> Parsed<'s> {
    pub fn of(sources: &'s [SourceFile]) -> Parsed<'s> {
        let faults = Faults::new(sources);
        let documents = sources.iter().enumerate().map(|(file, source)| parse(file, source, &faults)).collect();
        Parsed { documents, faults }
    }

    /// Every `[[kind]]`, in order; validated or not.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &Table)> {
        let items = self.documents.iter().flatten().flat_map(|document| document.iter());
        let arrays = items.filter_map(|(kind, item)| Some((kind, item.as_array_of_tables()?)));
        arrays.flat_map(|(kind, tables)| tables.iter().map(move |table| (kind, table)))
    }
}

impl Directory {
    /// Reads the organisation. The order of files and of objects in them does not matter.
    ///
    /// # Errors
    /// Everything that is wrong, by file and line.
    pub fn load(sources: &[SourceFile]) -> Result<Directory, Vec<Fault>> {
        Directory::read(&Parsed::of(sources))
    }

    /// [`Directory::load`] of what is parsed already. To be read once: faults add up.
    ///
    /// # Errors
    /// The same.
    pub fn read(parsed: &Parsed) -> Result<Directory, Vec<Fault>> {
        let Parsed { documents, faults } = parsed;
        let tables = tables(documents, faults);
        let objects = read(&tables, documents.iter().all(Option::is_some), faults);
        match faults.count() {
            0 => Ok(Directory::assemble(objects)),
            _ => Err(faults.sorted()),
        }
    }
}

/// `[[kind]]`, the number of its file, its table.
type KindTable<'t> = (&'static str, usize, &'t Table);

fn parse<'s>(file: usize, source: &'s SourceFile, faults: &Faults) -> Option<Document<&'s str>> {
    let report = |error: toml_edit::TomlError| {
        let offset = error.span().map_or(0, |span| span.start);
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        faults.add(Place { file, offset }, "", format!("is not TOML: {message}"));
    };
    Document::parse(source.text.as_str()).map_err(report).ok()
}

/// The tables of all objects in order; anything else at the top of a file is a fault.
fn tables<'t>(documents: &'t [Option<Document<&str>>], faults: &Faults) -> Vec<KindTable<'t>> {
    let mut tables = Vec::new();
    for (file, document) in documents.iter().enumerate() {
        for (key, item) in document.iter().flat_map(|document| document.iter()) {
            let message = match (KINDS.into_iter().find(|kind| *kind == key), item) {
                (Some(kind), Item::ArrayOfTables(found)) => {
                    tables.extend(found.iter().map(|table| (kind, file, table)));
                    continue;
                }
                (Some(kind), _) => format!("write each one as [[{kind}]]"),
                (None, _) if LATER_KINDS.contains(&key) => "is not supported yet; take it out".to_owned(),
                (None, _) => unknown_key(key, KINDS.into_iter()),
            };
            faults.add(place_of(file, item), key, message);
        }
    }
    tables
}

/// `complete`: all files could be parsed.
fn read<'t>(tables: &'t [KindTable<'t>], complete: bool, faults: &'t Faults<'t>) -> Objects {
    let of = |kind: &'static str| {
        let found = tables.iter().filter(move |(found, _, _)| *found == kind);
        found.map(|&(_, file, table)| Fields::new(table, file, faults))
    };

    let mut plans = Registry::new("dial plan", complete);
    let (mut contexts, mut peers_places) = (Vec::new(), Vec::new());
    for fields in of("dial_plan") {
        let (name, place) = (fields.glance("name"), fields.place_of_key("name"));
        let contexts_place = fields.place_of_key("equivalent_dial_plan_phone_contexts");
        let peers_place = fields.place_of_key("trusted_peers");
        let plan = DialPlan::read(fields);
        peers_places.extend(plan.iter().map(|_| peers_place));
        let named = plan.iter().flat_map(|plan| &plan.equivalent_dial_plan_phone_contexts);
        contexts.extend(named.map(|context| Located { value: context.clone(), place: contexts_place }));
        plans.declare(name, place, plan, faults);
    }
    check_contexts(&contexts, &plans, faults);

    let mut gateways = Registry::new("IP gateway", complete);
    let mut addresses = registry::Unique::new("address");
    for fields in of("ip_gateway") {
        let (name, place) = (fields.glance("name"), fields.place_of_key("name"));
        let address_place = fields.place_of_key("address");
        let gateway = IpGateway::read(fields);
        if let Some(IpGateway { address, port, .. }) = &gateway {
            let shown = format_args!("{address} with port {port}");
            addresses.claim((address.clone(), *port), address_place, shown, faults);
        }
        gateways.declare(name, place, gateway, faults);
    }

    let mut policies = Registry::new("mailbox policy", complete);
    for fields in of("mailbox_policy") {
        let (name, place) = (fields.glance("name"), fields.place_of_key("name"));
        let policy = MailboxPolicy::read(fields).and_then(|text| {
            let dial_plan = plans.find("dial_plan", &text.dial_plan, faults)?;
            Some(text.with_plan(dial_plan))
        });
        policies.declare(name, place, policy, faults);
    }

    let plan_of_server = |located: &Located<Name>| {
        let plan = plans.find("dial_plans", located, faults)?;
        if plan.uri_type != UriType::SipName {
            let message = format!(
                "dial plan \"{}\" is {}; servers are added to SipName plans only, and serve all others without",
                plan.name,
                plan.uri_type.as_str()
            );
            faults.add(located.place, "dial_plans", message);
            return None;
        }
        Some(plan)
    };
    let mut services = Servers::new("service");
    for fields in of("service") {
        let place = fields.place_of_key("name");
        services.add(Service::read(fields).map(|text| text.with_plans(plan_of_server)), place, faults);
    }
    let mut call_routers = Servers::new("call router");
    for fields in of("call_router") {
        let place = fields.place_of_key("name");
        call_routers.add(CallRouter::read(fields).map(|text| text.with_plans(plan_of_server)), place, faults);
    }

    let hunt_groups = of("hunt_group").filter_map(HuntGroup::read).collect();
    let hunt_groups = link::hunt_groups(hunt_groups, &gateways, &plans, faults);
    let trusted_peers = link::trusted_peers(plans.objects().zip(peers_places), &gateways, faults);
    let mailboxes = of("mailbox").filter_map(Mailbox::read).collect();
    Objects {
        mailboxes: link::mailboxes(mailboxes, &policies, &hunt_groups, faults),
        hunt_groups,
        trusted_peers,
        dial_plans: plans.into_objects(),
        ip_gateways: gateways.into_objects(),
        mailbox_policies: policies.into_objects(),
        services: services.objects,
        call_routers: call_routers.objects,
    }
}

/// The services, or the call routers, of the servers: one a server.
struct Servers<T> {
    kind: &'static str,
    objects: Vec<Arc<T>>,
    places: HashMap<HostName, Place>,
}

trait OfServer {
    fn server(&self) -> &HostName;
}

impl OfServer for Service {
    fn server(&self) -> &HostName {
        &self.name
    }
}

impl OfServer for CallRouter {
    fn server(&self) -> &HostName {
        &self.name
    }
}

impl<T: OfServer> Servers<T> {
    fn new(kind: &'static str) -> Servers<T> {
        Servers { kind, objects: Vec::new(), places: HashMap::new() }
    }

    fn add(&mut self, object: Option<T>, place: Place, faults: &Faults) {
        let Some(object) = object else { return };
        if let Some(first) = self.places.get(object.server()) {
            let message =
                format!("{} \"{}\" is already defined at {}", self.kind, object.server(), faults.show(*first));
            return faults.add(place, "name", message);
        }
        self.places.insert(object.server().clone(), place);
        self.objects.push(Arc::new(object));
    }
}

fn check_contexts(contexts: &[Located<Name>], plans: &Registry<DialPlan>, faults: &Faults) {
    for Located { value: context, place } in contexts {
        let key = context.key();
        if plans.is_complete() && !plans.keys().any(|plan| names_plan(&key, plan)) {
            let message =
                format!("\"{context}\" names no dial plan; write a plan's name, or its name, a dot and a domain");
            faults.add(*place, "equivalent_dial_plan_phone_contexts", message);
        }
    }
}

/// True when a phone context is a plan's: its name, or its name, a dot and a domain. Both as [`Name::key`] makes them.
pub(super) fn names_plan(context: &str, plan: &str) -> bool {
    context.strip_prefix(plan).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn place_of(file: usize, item: &Item) -> Place {
    let span = match item {
        Item::ArrayOfTables(tables) => tables.iter().next().and_then(Table::span),
        _ => item.span(),
    };
    Place { file, offset: span.map_or(0, |span| span.start) }
}
