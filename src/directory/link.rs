//! Hunt groups and mailboxes tied to the objects they name, with the rules that hold between objects.
//! Knows: who refers to whom, what must be unique, Exchange's limits. Must not: read TOML.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::hunt_group::HuntGroupText;
use super::mailbox::MailboxText;
use super::registry::{Registry, Unique};
use super::source::{Faults, Place};
use super::{DialPlan, GatewayAddress, HuntGroup, IpGateway, Mailbox, MailboxPolicy, Name, UriType};

/// What Exchange 2013 allows (its UM service does not start with more).
const MOST_GATEWAYS_OF_A_DIAL_PLAN: usize = 200;

pub(super) fn hunt_groups(
    texts: Vec<HuntGroupText>,
    gateways: &Registry<IpGateway>,
    plans: &Registry<DialPlan>,
    faults: &Faults,
) -> Vec<Arc<HuntGroup>> {
    let (mut names, mut pilots, mut catch_alls) =
        (Unique::new("name"), Unique::new("pilot_identifier"), Unique::new("pilot_identifier"));
    let mut linked = Vec::with_capacity(texts.len());
    let mut reach = Reach::default();
    for text in texts {
        let gateway = gateways.find("ip_gateway", &text.ip_gateway, faults);
        let plan = plans.find("dial_plan", &text.dial_plan, faults);
        let (name, key) = (&text.ip_gateway.value, text.ip_gateway.value.key());

        let shown = format_args!("hunt group \"{}\" of IP gateway \"{name}\"", text.name);
        names.claim((key.clone(), text.name.key()), text.place, shown, faults);
        for pilot in &text.pilot_identifier {
            let shown = format_args!("pilot {} of IP gateway \"{name}\"", pilot.value);
            pilots.claim((key.clone(), pilot.value.key().to_owned()), pilot.place, shown, faults);
        }
        if text.pilot_identifier.is_empty() {
            let shown = format_args!("a hunt group without pilot, for all calls of IP gateway \"{name}\",");
            catch_alls.claim(key, text.place, shown, faults);
        }
        if let (Some(ip_gateway), Some(dial_plan)) = (gateway, plan) {
            reach.check(&text, &ip_gateway, &dial_plan, faults);
            let pilot_identifier = text.pilot_identifier.into_iter().map(|pilot| pilot.value).collect();
            linked.push(Arc::new(HuntGroup { name: text.name, ip_gateway, dial_plan, pilot_identifier }));
        }
    }
    linked
}

/// The peers that SIP URI plans trust, each with a link to every plan that does.
pub(super) fn trusted_peers<'p>(
    plans: impl Iterator<Item = (&'p Arc<DialPlan>, Place)>,
    gateways: &Registry<IpGateway>,
    faults: &Faults,
) -> Vec<Arc<HuntGroup>> {
    let mut links = Vec::new();
    let mut peers: HashMap<&GatewayAddress, Arc<IpGateway>> = HashMap::new();
    for (plan, place) in plans {
        let mut of_plan = HashSet::new();
        for address in plan.trusted_peers.iter().filter(|address| of_plan.insert(*address)) {
            let peer = peers.entry(address).or_insert_with(|| Arc::new(IpGateway::of_trusted_peer(address)));
            if let Some(gateway) = gateways.objects().find(|known| known.address == *address || known.name == peer.name)
            {
                let (name, plan) = (&gateway.name, &plan.name);
                let message = format!(
                    "{address} is UM IP gateway \"{name}\" already; give it a hunt group for dial plan \"{plan}\" instead"
                );
                faults.add(place, "trusted_peers", message);
            }
            let (ip_gateway, dial_plan) = (peer.clone(), plan.clone());
            let group = HuntGroup { name: plan.name.clone(), ip_gateway, dial_plan, pilot_identifier: Vec::new() };
            links.push(Arc::new(group));
        }
    }
    links
}

pub(super) fn mailboxes(
    texts: Vec<MailboxText>,
    policies: &Registry<MailboxPolicy>,
    hunt_groups: &[Arc<HuntGroup>],
    faults: &Faults,
) -> Vec<Arc<Mailbox>> {
    let pilots_of = |group: &Arc<HuntGroup>| {
        let (plan, name) = (group.dial_plan.name.key(), group.name.clone());
        let pilots = group.pilot_identifier.iter().map(|pilot| pilot.key().to_owned());
        pilots.map(|pilot| ((plan.clone(), pilot), name.clone())).collect::<Vec<_>>()
    };
    let pilots: HashMap<(String, String), Name> = hunt_groups.iter().flat_map(pilots_of).collect();
    let (mut aliases, mut extensions) = (Unique::new("alias"), Unique::new("extensions"));
    let (mut numbers, mut addresses) = (Unique::new("e164_numbers"), Unique::new("sip_addresses"));
    let mut linked = Vec::with_capacity(texts.len());
    for text in texts {
        let alias = &text.alias;
        aliases.claim(alias.value.key(), alias.place, format_args!("alias \"{}\"", alias.value), faults);
        let Some(policy) = policies.find("mailbox_policy", &text.mailbox_policy, faults) else { continue };
        let plan = &policy.dial_plan;
        check_numbers(&text, plan, faults);

        let (key, name) = (plan.name.key(), &plan.name);
        for extension in &text.extensions {
            let shown = format_args!("extension {} of dial plan \"{name}\"", extension.value);
            extensions.claim((key.clone(), extension.value.clone()), extension.place, shown, faults);
            if let Some(group) = pilots.get(&(key.clone(), extension.value.to_string())) {
                let message =
                    format!("{} is the pilot of hunt group \"{group}\"; no call would reach it", extension.value);
                faults.add(extension.place, "extensions", message);
            }
        }
        for number in &text.e164_numbers {
            let shown = format_args!("number {} of dial plan \"{name}\"", number.value);
            numbers.claim((key.clone(), number.value.clone()), number.place, shown, faults);
        }
        for address in &text.sip_addresses {
            let shown = format_args!("SIP address {} of dial plan \"{name}\"", address.value);
            addresses.claim((key.clone(), address.value.clone()), address.place, shown, faults);
        }
        linked.push(Arc::new(text.with_policy(policy)));
    }
    linked
}

/// What a mailbox must have in a plan of its kind.
fn check_numbers(mailbox: &MailboxText, plan: &DialPlan, faults: &Faults) {
    let (plan_name, digits) = (&plan.name, plan.number_of_digits_in_extension);
    for extension in mailbox.extensions.iter().filter(|extension| !plan.fits(&extension.value)) {
        let length = extension.value.as_str().len();
        let message =
            format!("{} has {length} digits; extensions of dial plan \"{plan_name}\" have {digits}", extension.value);
        faults.add(extension.place, "extensions", message);
    }
    let needs = |key: &str, what: &str| {
        let (alias, kind) = (&mailbox.alias.value, plan.uri_type.as_str());
        let message = format!("is missing; mailbox \"{alias}\" needs {what} in dial plan \"{plan_name}\" ({kind})");
        faults.add(mailbox.place, key, message);
    };
    if !mailbox.is_sound {
        return;
    }
    if mailbox.extensions.is_empty() {
        needs("extensions", "an extension");
    }
    if plan.uri_type == UriType::E164 && mailbox.e164_numbers.is_empty() {
        needs("e164_numbers", "an E.164 number");
    }
    if plan.uri_type == UriType::SipName && mailbox.sip_addresses.is_empty() {
        needs("sip_addresses", "a SIP address");
    }
}

/// Which plans the gateways reach so far.
#[derive(Default)]
struct Reach {
    gateways_of_plan: HashMap<String, HashSet<String>>,
    /// By gateway and access number.
    plan_of_access_number: HashMap<(String, String), Arc<DialPlan>>,
}

impl Reach {
    fn check(&mut self, text: &HuntGroupText, gateway: &IpGateway, plan: &Arc<DialPlan>, faults: &Faults) {
        let gateways = self.gateways_of_plan.entry(plan.name.key()).or_default();
        if gateways.insert(gateway.name.key()) && gateways.len() == MOST_GATEWAYS_OF_A_DIAL_PLAN + 1 {
            let (name, most) = (&plan.name, MOST_GATEWAYS_OF_A_DIAL_PLAN);
            let message = format!("dial plan \"{name}\" has more than {most} IP gateways with this one");
            faults.add(text.ip_gateway.place, "ip_gateway", message);
        }
        for number in &plan.access_telephone_numbers {
            let key = (gateway.name.key(), number.key().to_owned());
            let owner = self.plan_of_access_number.entry(key).or_insert_with(|| plan.clone());
            if owner.name != plan.name {
                let (gateway, first, second) = (&gateway.name, &owner.name, &plan.name);
                let message = format!(
                    "access number {number} would lead from IP gateway \"{gateway}\" to dial plan \"{first}\" and to \"{second}\""
                );
                faults.add(text.dial_plan.place, "dial_plan", message);
            }
        }
    }
}
