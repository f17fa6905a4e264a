//! The directory in force: its objects, and the indexes a call is looked up in.
//! Knows: validated objects (`load` made them), addresses, numbers. Must not: decide what a call is (that is `resolve`).
//! Every lookup of a call takes a fixed number of steps, however many mailboxes there are.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use super::load::names_plan;
use super::names::{E164Number, Extension, HostName, Name, PilotNumber, SipAddress, fold};
use super::numbers::{Match, Number};
use super::{
    CallRouter, DialPlan, GatewayAddress, HuntGroup, IpGateway, Mailbox, MailboxPolicy, Service, SipService, UriType,
    Whereabouts,
};

/// Looked up for every call. The keys are an administrator's, so a hash that is fast may be one that is known.
type HashMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::FixedState>;

/// The organisation, validated and indexed.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    objects: Objects,
    dial_plans: HashMap<String, Arc<DialPlan>>,
    aliases: HashMap<String, Arc<Mailbox>>,
    /// By plan, as its object spells its name.
    users: HashMap<Name, Users>,
    /// By gateway, in the same way.
    links: HashMap<Name, Links>,
    gateways: HashMap<IpAddr, Vec<Arc<IpGateway>>>,
    located: HashMap<HostName, Whereabouts>,
}

/// The objects as the files have them, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Objects {
    pub dial_plans: Vec<Arc<DialPlan>>,
    pub ip_gateways: Vec<Arc<IpGateway>>,
    pub hunt_groups: Vec<Arc<HuntGroup>>,
    /// From each peer that SIP URI plans trust to each of those plans.
    pub trusted_peers: Vec<Arc<HuntGroup>>,
    pub mailbox_policies: Vec<Arc<MailboxPolicy>>,
    pub mailboxes: Vec<Arc<Mailbox>>,
    pub services: Vec<Arc<Service>>,
    pub call_routers: Vec<Arc<CallRouter>>,
}

/// The mailboxes of one plan by all that names them.
#[derive(Debug, Clone, Default)]
struct Users {
    extensions: HashMap<Extension, Arc<Mailbox>>,
    numbers: HashMap<E164Number, Arc<Mailbox>>,
    addresses: HashMap<SipAddress, Arc<Mailbox>>,
    /// Plans whose users are recognised as callers, too.
    equivalents: Vec<Arc<DialPlan>>,
}

/// What the hunt groups of one gateway lead to.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    pilots: HashMap<String, Arc<HuntGroup>>,
    /// The group that takes what no other takes.
    pub catch_all: Option<Arc<HuntGroup>>,
    /// For each plan the first group that leads to it, in order.
    pub plans: Vec<Arc<HuntGroup>>,
    /// Access numbers of those plans.
    access_numbers: HashMap<String, Arc<HuntGroup>>,
    /// Some of them are SIP addresses.
    has_addresses: bool,
}

impl Directory {
    pub fn dial_plans(&self) -> &[Arc<DialPlan>] {
        &self.objects.dial_plans
    }

    pub fn ip_gateways(&self) -> &[Arc<IpGateway>] {
        &self.objects.ip_gateways
    }

    pub fn hunt_groups(&self) -> &[Arc<HuntGroup>] {
        &self.objects.hunt_groups
    }

    pub fn mailbox_policies(&self) -> &[Arc<MailboxPolicy>] {
        &self.objects.mailbox_policies
    }

    pub fn mailboxes(&self) -> &[Arc<Mailbox>] {
        #[cfg(test)]
        steps::add(self.objects.mailboxes.len());
        &self.objects.mailboxes
    }

    pub fn services(&self) -> &[Arc<Service>] {
        &self.objects.services
    }

    pub fn call_routers(&self) -> &[Arc<CallRouter>] {
        &self.objects.call_routers
    }

    /// The UM service of a server.
    pub fn service(&self, server: &HostName) -> Option<&Arc<Service>> {
        self.objects.services.iter().find(|service| service.name == *server)
    }

    /// The call router of a server.
    pub fn call_router(&self, server: &HostName) -> Option<&Arc<CallRouter>> {
        self.objects.call_routers.iter().find(|router| router.name == *server)
    }

    /// The UM service of the server that a node is: its name may not even be one a server can have.
    pub fn service_of(&self, node: &str) -> Option<&Arc<Service>> {
        self.objects.services.iter().find(|service| service.name.is(node))
    }

    /// The call router of the server that a node is.
    pub fn call_router_of(&self, node: &str) -> Option<&Arc<CallRouter>> {
        self.objects.call_routers.iter().find(|router| router.name.is(node))
    }

    /// The mailbox with an alias, in any case.
    pub fn mailbox(&self, alias: &str) -> Option<&Arc<Mailbox>> {
        self.aliases.get(&fold(alias))
    }

    /// The dial plan with a name, in any case.
    pub fn dial_plan(&self, name: &str) -> Option<&Arc<DialPlan>> {
        self.dial_plans.get(&fold(name))
    }

    /// The peers that SIP URI plans trust.
    pub fn trusted_peers(&self) -> impl Iterator<Item = &Arc<IpGateway>> {
        self.objects.trusted_peers.iter().map(|link| &link.ip_gateway)
    }

    /// Host names of gateways and trusted peers, for the caller to resolve and hand to [`Directory::locate`].
    pub fn gateway_hosts(&self) -> impl Iterator<Item = &HostName> {
        self.objects.ip_gateways.iter().chain(self.trusted_peers()).filter_map(|gateway| match &gateway.address {
            GatewayAddress::Host(host) => Some(host),
            GatewayAddress::Ip(_) => None,
        })
    }

    /// Host names that are written as addresses of servers and of their front-end pools, to be resolved and handed over
    /// in the same way.
    pub fn server_hosts(&self) -> impl Iterator<Item = &HostName> {
        let pools = self.objects.services.iter().filter_map(|service| service.sip_access_service.as_ref());
        self.server_addresses().chain(pools.map(|pool| &pool.host)).filter_map(|address| match address {
            GatewayAddress::Host(host) => Some(host),
            GatewayAddress::Ip(_) => None,
        })
    }

    fn server_addresses(&self) -> impl Iterator<Item = &GatewayAddress> {
        let services = self.objects.services.iter().filter_map(|service| service.address.as_ref());
        services.chain(self.objects.call_routers.iter().filter_map(|router| router.address.as_ref()))
    }

    /// The addresses behind a gateway's or server's address; none while its host name is not resolved.
    pub fn addresses_of<'d>(&'d self, address: &'d GatewayAddress) -> &'d [IpAddr] {
        addresses_in(&self.located, address)
    }

    /// The addresses behind a gateway's address that are of its `ip_address_family`.
    pub fn addresses_of_gateway(&self, gateway: &IpGateway) -> impl Iterator<Item = IpAddr> {
        of_family(&self.located, gateway)
    }

    /// Where a gateway with a host name speaks SIP, according to the DNS.
    pub fn services_of_gateway(&self, gateway: &IpGateway) -> impl Iterator<Item = SipService> {
        let found = match &gateway.address {
            GatewayAddress::Host(host) => self.located.get(host),
            GatewayAddress::Ip(_) => None,
        };
        let services = found.map(|found| found.services.as_slice()).unwrap_or_default().iter().copied();
        let services: Vec<_> = services.filter(|service| gateway.ip_address_family.has(service.address.ip())).collect();
        services.into_iter()
    }

    /// Whether a server of the organisation has this address.
    pub fn is_server(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.server_addresses().any(|known| self.addresses_of(known).contains(&address))
    }

    /// Sets what host names of gateways and servers resolve to, in place of those they had. Until then no
    /// call is taken from the gateways of such a name.
    pub fn locate<'a>(&mut self, located: impl IntoIterator<Item = (&'a HostName, &'a Whereabouts)>) {
        self.located.extend(located.into_iter().map(|(host, found)| (host.clone(), found.canonical())));
        self.index_gateways();
    }

    pub(super) fn assemble(objects: Objects) -> Directory {
        let mut directory = Directory { objects, ..Directory::default() };
        for plan in &directory.objects.dial_plans {
            directory.dial_plans.insert(plan.name.key(), plan.clone());
        }
        for plan in &directory.objects.dial_plans {
            let contexts = plan.equivalent_dial_plan_phone_contexts.iter();
            let equivalents = contexts.filter_map(|context| directory.plan_of_context(context)).collect();
            directory.users.insert(plan.name.clone(), Users { equivalents, ..Users::default() });
        }
        directory.index_mailboxes();
        directory.index_hunt_groups();
        directory.index_gateways();
        directory
    }

    fn index_mailboxes(&mut self) {
        for mailbox in &self.objects.mailboxes {
            self.aliases.insert(mailbox.alias.key(), mailbox.clone());
            let Some(users) = self.users.get_mut(&mailbox.dial_plan().name) else { continue };
            let each = || std::iter::repeat(mailbox.clone());
            users.extensions.extend(mailbox.extensions.iter().cloned().zip(each()));
            users.numbers.extend(mailbox.e164_numbers.iter().cloned().zip(each()));
            users.addresses.extend(mailbox.sip_addresses.iter().cloned().zip(each()));
        }
    }

    fn index_hunt_groups(&mut self) {
        for group in self.objects.hunt_groups.iter().chain(&self.objects.trusted_peers) {
            let links = self.links.entry(group.ip_gateway.name.clone()).or_default();
            let pilots = group.pilot_identifier.iter();
            links.pilots.extend(pilots.map(|pilot| (pilot.key().to_owned(), group.clone())));
            links.has_addresses |= group.pilot_identifier.iter().any(|pilot| pilot.key().contains('@'));
            if group.pilot_identifier.is_empty() {
                links.catch_all = Some(group.clone());
            }
            if links.plans.iter().all(|known| known.dial_plan.name != group.dial_plan.name) {
                links.plans.push(group.clone());
                for number in &group.dial_plan.access_telephone_numbers {
                    links.has_addresses |= number.key().contains('@');
                    links.access_numbers.entry(number.key().to_owned()).or_insert_with(|| group.clone());
                }
            }
        }
    }

    fn index_gateways(&mut self) {
        self.gateways.clear();
        let peers = self.objects.trusted_peers.iter().map(|link| &link.ip_gateway);
        for gateway in self.objects.ip_gateways.iter().chain(peers) {
            for address in of_family(&self.located, gateway) {
                let there = self.gateways.entry(address).or_default();
                // a peer of several plans has a link for each
                if !there.iter().any(|known| Arc::ptr_eq(known, gateway)) {
                    there.push(gateway.clone());
                }
            }
        }
    }

    /// The plan with the longest name that the context is or begins with.
    fn plan_of_context(&self, context: &Name) -> Option<Arc<DialPlan>> {
        let key = context.key();
        let named = self.dial_plans.iter().filter(|(plan, _)| names_plan(&key, plan));
        named.max_by_key(|(plan, _)| plan.len()).map(|(_, plan)| plan.clone())
    }

    /// The gateway a call comes from: by address, and among those with one address by port.
    pub fn gateway_of(&self, peer: IpAddr, port: u16) -> Option<&Arc<IpGateway>> {
        let there = self.gateways.get(&peer.to_canonical())?;
        let with_port = |wanted: u16| there.iter().find(|gateway| gateway.port == wanted);
        with_port(port).or_else(|| with_port(0)).or_else(|| there.first())
    }

    /// `None`: the gateway has no hunt group.
    pub(super) fn links_of(&self, gateway: &IpGateway) -> Option<&Links> {
        self.links.get(&gateway.name)
    }

    /// The mailbox of a plan that a user part (and host, where there is one) names.
    pub(super) fn user_of(
        &self,
        plan: &DialPlan,
        user: &str,
        host: Option<&str>,
        sureness: Match,
    ) -> Option<&Arc<Mailbox>> {
        let users = self.users.get(&plan.name)?;
        let by_address = || users.address(user, host);
        let Some(number) = Number::parse(user) else { return by_address() };
        match plan.uri_type {
            UriType::TelExtn => users
                .extension(number.extension(plan, Match::Exact))
                .or_else(|| users.number(&number, plan))
                .or_else(|| users.extension(number.extension(plan, sureness))),
            UriType::E164 => {
                users.number(&number, plan).or_else(|| users.extension(number.extension(plan, Match::Exact)))
            }
            UriType::SipName => by_address()
                .or_else(|| users.number(&number, plan))
                .or_else(|| users.extension(number.extension(plan, Match::Exact))),
        }
    }

    /// The mailbox of the plan, or of an equivalent one, whose number or address a caller calls from.
    pub(super) fn caller_of(&self, plan: &DialPlan, user: &str, host: Option<&str>) -> Option<&Arc<Mailbox>> {
        let own = self.user_of(plan, user, host, Match::Exact);
        own.or_else(|| {
            let equivalents = &self.users.get(&plan.name)?.equivalents;
            equivalents.iter().find_map(|plan| self.user_of(plan, user, host, Match::Exact))
        })
    }
}

impl Users {
    fn extension(&self, extension: Option<&str>) -> Option<&Arc<Mailbox>> {
        #[cfg(test)]
        steps::add(1);
        self.extensions.get(extension?)
    }

    fn number(&self, number: &Number, plan: &DialPlan) -> Option<&Arc<Mailbox>> {
        #[cfg(test)]
        steps::add(1);
        number.international_forms(plan).find_map(|form| self.numbers.get(form.as_str()))
    }

    fn address(&self, user: &str, host: Option<&str>) -> Option<&Arc<Mailbox>> {
        #[cfg(test)]
        steps::add(1);
        let address = fold(&format!("{user}@{}", host?));
        self.addresses.get(address.as_str())
    }
}

impl Links {
    /// The group whose pilot, or whose plan's access number, was called.
    pub fn group_of(&self, user: &str, host: Option<&str>) -> Option<&Arc<HuntGroup>> {
        let address = host.filter(|_| self.has_addresses).map(|host| fold(&format!("{user}@{host}")));
        let keys = [PilotNumber::number_key(user), address.map(Cow::Owned)];
        let keys = || keys.iter().flatten().map(AsRef::<str>::as_ref);
        let pilot = keys().find_map(|key| self.pilots.get(key));
        pilot.or_else(|| keys().find_map(|key| self.access_numbers.get(key)))
    }
}

fn addresses_in<'d>(located: &'d HashMap<HostName, Whereabouts>, address: &'d GatewayAddress) -> &'d [IpAddr] {
    match address {
        GatewayAddress::Ip(address) => std::slice::from_ref(address),
        GatewayAddress::Host(host) => located.get(host).map(|found| found.addresses.as_slice()).unwrap_or_default(),
    }
}

/// `IPAddressFamily` chooses among the addresses of a name. An address that is written down is the one that is meant.
fn of_family(located: &HashMap<HostName, Whereabouts>, gateway: &IpGateway) -> impl Iterator<Item = IpAddr> {
    let named = matches!(gateway.address, GatewayAddress::Host(_));
    let counts = |address: &IpAddr| !named || gateway.ip_address_family.has(*address);
    let addresses: Vec<IpAddr> = addresses_in(located, &gateway.address).iter().copied().filter(counts).collect();
    addresses.into_iter()
}

/// Counts what lookups cost, so that a test can say it does not grow with the directory.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local!(static TAKEN: Cell<usize> = const { Cell::new(0) });

    pub fn add(steps: usize) {
        TAKEN.set(TAKEN.get() + steps);
    }

    pub fn take() -> usize {
        TAKEN.take()
    }
}
