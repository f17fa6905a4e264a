//! `Get-`, `New-`, `Set-`, `Remove-`, `Enable-` and `Disable-` of objects.
//! Knows: which steps a cmdlet is. Must not: decide what is allowed.

use super::super::bind::Bound;
use super::super::parse::Literal;
use super::super::sense::{Action, Sense, action, sense};
use super::{ScriptError, Shell, Shown, of_kind};
use crate::admin::command::{Answer, Changes, Object, Request, Step};
use crate::admin::settings::{Change, Edit, Kind, Setting, Value};
use crate::link::CallSelector;

/// What Exchange sorts mailboxes by.
const SORTED_BY: [&str; 3] = ["Name", "DisplayName", "ServerLegacyDN"];

impl Shell<'_> {
    pub(super) fn get(&mut self, kind: Kind, piped: Option<String>, bound: &Bound) -> Result<Vec<Shown>, ScriptError> {
        let identity = piped.or_else(|| bound.text(if kind == Kind::CallRouter { "Server" } else { "Identity" }));
        let objects = self.objects(kind, identity.clone(), bound)?;
        let plan = bound.text("UMDialPlan");
        let anr = bound.text("Anr").map(|anr| anr.to_lowercase());
        if let Some(plan) = &plan {
            // one that does not exist is a mistake, not a plan without objects
            self.objects(Kind::DialPlan, Some(plan.clone()), bound)?;
        }
        let most = match bound.text("ResultSize") {
            None => usize::MAX,
            Some(most) if most.eq_ignore_ascii_case("unlimited") => usize::MAX,
            Some(most) => match most.parse() {
                Ok(most) => most,
                Err(_) => return bound.error(format!("-ResultSize: \"{most}\" is neither a number nor Unlimited")),
            },
        };
        if let Some(order) = bound.text("SortBy")
            && !SORTED_BY.iter().any(|known| known.eq_ignore_ascii_case(&order))
        {
            return bound.error(format!("-SortBy: \"{order}\" is not allowed; allowed are {}", SORTED_BY.join(", ")));
        }
        let text = |object: &Object, key: &str| object.values.get(key).map(Value::show).unwrap_or_default();
        let kept = objects.into_iter().filter(|object| {
            let of_plan = plan.as_ref().is_none_or(|plan| text(object, "dial_plan").eq_ignore_ascii_case(plan));
            let named = anr.as_ref().is_none_or(|anr| {
                let names = ["alias", "display_name"].map(|key| text(object, key).to_lowercase());
                names.iter().flat_map(|name| name.split_whitespace()).any(|name| name.starts_with(anr.as_str()))
                    || names.iter().any(|name| name.starts_with(anr.as_str()))
            });
            let is_hidden = kind == Kind::IpGateway && text(object, "simulator") == "true";
            of_plan && named && (!is_hidden || identity.is_some() || bound.is_true("IncludeSimulator"))
        });
        Ok(kept.take(most).map(Shown::object).collect())
    }

    fn objects(&mut self, kind: Kind, identity: Option<String>, bound: &Bound) -> Result<Vec<Object>, ScriptError> {
        match self.answer(Request::Get { kind, identity }, bound)? {
            Answer::Objects(objects) => Ok(objects),
            _ => bound.error("the node answered with something else"),
        }
    }

    /// `feeds`: what was made is wanted behind a pipe.
    pub(super) fn change(
        &mut self,
        bound: &Bound,
        piped: Option<Vec<Shown>>,
        feeds: bool,
    ) -> Result<Vec<Shown>, ScriptError> {
        let identities = self.identities(bound, piped)?;
        let mut steps = Vec::new();
        for identity in &identities {
            self.steps(bound, identity, &mut steps)?;
        }
        let what_if = bound.what_if || bound.is_true("ValidateOnly");
        let drops = action(bound.cmdlet.name) == (Action::Gateway { enable: false }) && bound.is_true("Immediate");
        if let (Action::Set(Kind::Service), Some(status)) = (action(bound.cmdlet.name), bound.text("Status")) {
            steps.retain(|step| !matches!(step, Step::Set { edits, .. } if edits.is_empty()));
            if !steps.is_empty() {
                // what would be refused is to leave the state as it is
                self.answer(Request::Change(Changes { steps: steps.clone(), what_if: true }), bound)?;
            }
            self.set_status(&status, bound)?;
        }
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        if drops && !what_if {
            // without a node no call is dropped, and nothing is to change
            self.answer(Request::ActiveCalls { server: None, dial_plan: None, ip_gateway: None }, bound)?;
        }
        match self.answer(Request::Change(Changes { steps, what_if }), bound)? {
            Answer::Changed(changed) => self.say(&changed),
            _ => return bound.error("the node answered with something else"),
        }
        if drops && !what_if {
            for identity in &identities {
                let dropped = Request::DropCalls(CallSelector::IpGateway(identity.clone()));
                if let Answer::Done(done) = self.answer(dropped, bound)? {
                    (self.print)(&format!("{done}\n"));
                }
            }
        }
        match made(bound, &identities) {
            Some((kind, identity)) if feeds && !what_if => {
                Ok(self.objects(kind, Some(identity), bound)?.into_iter().map(Shown::object).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Which objects: the one that is named, or those that came through the pipe.
    fn identities(&mut self, bound: &Bound, piped: Option<Vec<Shown>>) -> Result<Vec<String>, ScriptError> {
        let kind = kind_of(action(bound.cmdlet.name));
        let given = ["Identity", "Server", "Name"].iter().find_map(|name| match (*name, action(bound.cmdlet.name)) {
            ("Name", Action::New(_)) | ("Identity" | "Server", _) => bound.get(name),
            _ => None,
        });
        if let Some(given) = given {
            return match given.text() {
                Some(text) => Ok(vec![text.to_owned()]),
                None => bound.error("the identity is one text"),
            };
        }
        match piped {
            Some(objects) => match kind {
                Some(kind) => of_kind(objects, kind, bound),
                None => bound.error(format!("{} cannot use what comes through the pipe", bound.cmdlet.name)),
            },
            None if kind.is_some_and(Kind::is_of_server) => Ok(vec!["localhost".to_owned()]),
            None => bound.error(format!("{} needs -Identity", bound.cmdlet.name)),
        }
    }

    fn steps(&mut self, bound: &Bound, identity: &str, steps: &mut Vec<Step>) -> Result<(), ScriptError> {
        let edits_of = |kind: Kind| -> Result<Vec<Edit>, ScriptError> {
            let mut edits = Vec::new();
            for (name, value) in &bound.values {
                if let Some(Sense::Setting(of, setting)) = sense(bound.cmdlet.name, name)
                    && of == kind
                {
                    edits.extend(self::edits(bound, name, setting, value)?);
                }
            }
            Ok(edits)
        };
        let identity = identity.to_owned();
        match action(bound.cmdlet.name) {
            Action::New(kind) => {
                let mut edits = edits_of(kind)?;
                edits.retain(|edit| edit.key != kind.identity());
                steps.push(Step::New { kind, name: identity.clone(), edits });
                if kind == Kind::DialPlan
                    && (bound.get("GenerateUMMailboxPolicy").is_none() || bound.is_true("GenerateUMMailboxPolicy"))
                {
                    if identity.chars().count() > 49 {
                        return bound
                            .error("-Name has at most 49 characters when the default policy is made with the plan");
                    }
                    steps.push(Step::default_policy(&identity));
                }
                if let (Kind::IpGateway, Some(plan)) = (kind, bound.text("UMDialPlan")) {
                    steps.push(Step::default_hunt_group(&identity, &plan));
                }
            }
            Action::Set(kind) => {
                steps.push(Step::Set { kind, identity: identity.clone(), edits: edits_of(kind)? });
                let router = edits_of(Kind::CallRouter)?;
                if kind == Kind::Service && !router.is_empty() {
                    steps.push(Step::Set { kind: Kind::CallRouter, identity, edits: router });
                }
            }
            Action::Remove(kind) => steps.push(Step::Remove { kind, identity }),
            Action::Gateway { enable } => {
                let edits = vec![Edit::text("status", if enable { "Enabled" } else { "Disabled" })];
                steps.push(Step::Set { kind: Kind::IpGateway, identity, edits });
            }
            Action::EnableMailbox => {
                let mut edits = edits_of(Kind::Mailbox)?;
                let Some((alias, _)) = identity.split_once('@') else {
                    return bound.error(format!(
                        "there is no user directory to look \"{identity}\" up in; give the e-mail address as -Identity, its first part becomes the alias"
                    ));
                };
                edits.push(Edit::text("email_address", identity.clone()));
                if let Some(address) = bound.text("SIPResourceIdentifier") {
                    let key = if address.contains('@') { "sip_addresses" } else { "e164_numbers" };
                    edits.push(Edit::set(key, Value::List(vec![address])));
                }
                steps.push(Step::New { kind: Kind::Mailbox, name: alias.to_owned(), edits });
            }
            Action::DisableMailbox => {
                if bound.is_true("KeepProperties") {
                    return bound.error("-KeepProperties $true is not built yet: a mailbox is removed with its settings; its mail stays");
                }
                if bound.get("KeepProperties").is_none() {
                    (self.warn)("note: the mailbox's settings are not kept; its mail stays");
                }
                steps.push(Step::Remove { kind: Kind::Mailbox, identity });
            }
            _ => {}
        }
        Ok(())
    }
}

/// The object that a cmdlet makes.
fn made(bound: &Bound, identities: &[String]) -> Option<(Kind, String)> {
    let identity = identities.first()?;
    match action(bound.cmdlet.name) {
        Action::New(Kind::HuntGroup) => {
            Some((Kind::HuntGroup, format!("{}\\{identity}", bound.text("UMIPGateway").unwrap_or_default())))
        }
        Action::New(kind) => Some((kind, identity.clone())),
        Action::EnableMailbox => Some((Kind::Mailbox, identity.split('@').next().unwrap_or_default().to_owned())),
        _ => None,
    }
}

fn kind_of(action: Action) -> Option<Kind> {
    match action {
        Action::Get(kind) | Action::New(kind) | Action::Set(kind) | Action::Remove(kind) => Some(kind),
        Action::Gateway { .. } => Some(Kind::IpGateway),
        Action::EnableMailbox | Action::DisableMailbox => Some(Kind::Mailbox),
        Action::Service { .. } => Some(Kind::Service),
        _ => None,
    }
}

/// What a parameter's value does to its setting.
fn edits(bound: &Bound, name: &str, setting: &Setting, value: &Literal) -> Result<Vec<Edit>, ScriptError> {
    let edit = |change| Edit { key: setting.key.to_owned(), change };
    let changes = match value {
        Literal::Null => vec![Change::Unset],
        Literal::Table(entries) => {
            if !setting.is_list() {
                return bound.error(format!("-{name} has one value; @{{Add=…;Remove=…}} is for lists"));
            }
            let mut changes = Vec::new();
            for (what, members) in entries {
                changes.push(match what.to_ascii_lowercase().as_str() {
                    "add" => Change::Add(members.members()),
                    "remove" => Change::Remove(members.members()),
                    _ => return bound.error(format!("-{name}: @{{{what}=…}} is not understood; write Add or Remove")),
                });
            }
            changes
        }
        // an empty list is none
        Literal::List(members) if members.is_empty() => vec![Change::Unset],
        value if setting.is_list() => vec![Change::Set(Value::List(value.members()))],
        Literal::List(_) => return bound.error(format!("-{name} has one value")),
        Literal::Switch(switch) => vec![Change::Set(Value::Switch(*switch))],
        Literal::Text(word) => vec![Change::Set(Value::Text(word.text.clone()))],
    };
    Ok(changes.into_iter().map(edit).collect())
}
