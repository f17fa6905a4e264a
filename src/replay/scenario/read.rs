//! Elements become steps; labels become places.
//! Knows: which elements and attributes there are. Must not: let one pass that would not be played.

use std::collections::BTreeMap;

use super::super::fault::Fault;
use super::super::xml::{self, Element};
use super::action::regular;
use super::attributes::Attributes;
use super::distribution::Distribution;
use super::{
    Action, Branch, Expected, Names, Optional, PauseLength, Receiving, Scenario, Sending, Side, Step, Template, What,
};

/// A comment that begins so says what the scenario needs of an engine of its own.
const NEEDS: &str = "engine:";

pub fn scenario(text: &str, keys: BTreeMap<String, String>) -> Result<Scenario, Vec<Fault>> {
    let document = xml::read(text).map_err(|fault| vec![fault])?;
    let root = document.root;
    if root.name != "scenario" {
        return Err(vec![Fault::new(root.line, format!("<{}> is no scenario", root.name))]);
    }
    let mut reader = Reader {
        names: Names::new(keys),
        labels: Labels::of(&root.children),
        methods: String::new(),
        faults: Vec::new(),
    };
    let first = root.children.iter().filter(|child| child.name == "init");
    let first: Vec<Step> = first.flat_map(|init| reader.steps(&init.children)).collect();
    let steps = reader.steps(&root.children);
    let needs = needs(&document.comments, &mut reader.faults);
    if steps.is_empty() && reader.faults.is_empty() {
        reader.faults.push(Fault::new(root.line, "there is nothing to do in it"));
    }
    let lonely: Vec<&str> = if reader.faults.is_empty() { reader.names.lonely().collect() } else { Vec::new() };
    for name in lonely {
        let message = format!(
            "variable \"{name}\" is named once only, so it is never set or never used; \
             <Reference variables=\"{name}\"/> says that this is meant"
        );
        reader.faults.push(Fault::new(root.line, message));
    }
    for label in reader.labels.twice.drain(..) {
        reader.faults.push(label);
    }
    if let Some(word) = root.text.split_whitespace().next() {
        reader.faults.push(Fault::new(root.line, format!("\"{word}\" stands in <scenario>, which has no text")));
    }
    for step in first.iter().filter(|step| !matches!(step.what, What::Nop)) {
        reader.faults.push(Fault::new(step.line, "only <nop> may stand in <init>"));
    }
    if !reader.faults.is_empty() {
        reader.faults.sort_by_key(|fault| fault.line);
        return Err(reader.faults);
    }
    let name = root.attribute("name").unwrap_or_default().to_owned();
    Ok(Scenario { name, side: side(&steps), first, steps, names: reader.names, needs })
}

/// The first message says which side it is.
fn side(steps: &[Step]) -> Side {
    let first = steps.iter().find(|step| matches!(step.what, What::Send(_) | What::Receive(_)));
    match first.map(|step| &step.what) {
        Some(What::Receive(_)) => Side::Called,
        _ => Side::Caller,
    }
}

fn needs(comments: &[(usize, String)], faults: &mut Vec<Fault>) -> BTreeMap<String, String> {
    let mut needs = BTreeMap::new();
    for (line, text) in comments {
        let Some(text) = text.trim().strip_prefix(NEEDS) else { continue };
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some((name, value)) => _ = needs.insert(name.to_owned(), value.to_owned()),
                None => faults.push(Fault::new(*line, format!("{NEEDS} \"{word}\" is no name=value"))),
            }
        }
    }
    needs
}

/// Where labels lead to.
struct Labels {
    places: BTreeMap<String, usize>,
    /// Those whose name another has.
    twice: Vec<Fault>,
}

impl Labels {
    fn of(children: &[Element]) -> Labels {
        let (mut places, mut twice) = (BTreeMap::new(), Vec::new());
        let mut step = 0;
        for child in children {
            match child.name.as_str() {
                "label" => {
                    let id = child.attribute("id").unwrap_or_default();
                    if places.insert(id.to_owned(), step).is_some() {
                        twice.push(Fault::new(child.line, format!("<label id=\"{id}\"> is there twice")));
                    }
                }
                "send" | "recv" | "sendCmd" | "recvCmd" | "pause" | "nop" | "timewait" => step += 1,
                _ => {}
            }
        }
        Labels { places, twice }
    }
}

struct Reader {
    names: Names,
    labels: Labels,
    /// Of the requests sent so far, run together.
    methods: String,
    faults: Vec<Fault>,
}

impl Reader {
    fn steps(&mut self, children: &[Element]) -> Vec<Step> {
        let mut steps = Vec::new();
        for child in children {
            match self.step(child) {
                Ok(step) => steps.extend(step),
                Err(fault) => self.faults.push(fault),
            }
        }
        steps
    }

    fn step(&mut self, element: &Element) -> Result<Option<Step>, Fault> {
        let mut attributes = Attributes::of(element);
        if !matches!(element.name.as_str(), "send" | "sendCmd")
            && let Some(word) = element.text.split_whitespace().next()
        {
            return Err(attributes.fault(format!("has no text, and \"{word}\" stands in it")));
        }
        let what = match element.name.as_str() {
            "send" => What::Send(Box::new(self.send(&mut attributes)?)),
            "recv" => What::Receive(Box::new(self.receive(&mut attributes)?)),
            "pause" => self.pause(&mut attributes)?,
            "timewait" => {
                let length = attributes.number("milliseconds")?.unwrap_or(0.0);
                What::Pause { length: PauseLength::Drawn(Distribution::Fixed(length)), is_wait: true }
            }
            "nop" => What::Nop,
            "sendCmd" => What::SendCommand(Template::message(&element.text, element.line, &mut self.names)?),
            "recvCmd" => What::ReceiveCommand,
            _ => return self.no_step(attributes).map(|()| None),
        };
        let branch = self.branch(&mut attributes)?;
        let only_if = attributes.text("condexec").map(|name| self.names.variable(name));
        let inverse = attributes.truth("condexec_inverse")?;
        let timer = |text: Option<&str>| text.map(str::to_owned);
        let step = Step {
            line: element.line,
            what,
            branch,
            only_if: only_if.map(|variable| (variable, !inverse)),
            starts_timer: timer(attributes.text("start_rtd")),
            stops_timer: timer(attributes.text("rtd")),
            repeats_timer: attributes.truth("repeat_rtd")?,
            actions: self.actions(element)?,
        };
        attributes.end()?;
        Ok(Some(step))
    }

    /// What says something of the scenario, or is refused.
    fn no_step(&mut self, mut attributes: Attributes) -> Result<(), Fault> {
        let element = attributes.element;
        match element.name.as_str() {
            "label" => {
                let id = attributes.needed("id")?;
                if id.starts_with("_unexp") {
                    return Err(attributes.fault("for what comes unexpected is not known here"));
                }
            }
            "init" => {}
            "ResponseTimeRepartition" | "CallLengthRepartition" => _ = attributes.needed("value")?,
            "Reference" => {
                attributes.needed("variables")?.split(',').for_each(|name| _ = self.names.variable(name));
            }
            "Global" => {
                for name in attributes.needed("variables")?.split(',') {
                    let variable = self.names.variable(name);
                    self.names.make_global(variable);
                }
            }
            other => return Err(Fault::new(element.line, format!("<{other}> is no element that is known here"))),
        }
        attributes.end()
    }

    fn send(&mut self, attributes: &mut Attributes) -> Result<Sending, Fault> {
        let element = attributes.element;
        let message = Template::message(&element.text, element.line, &mut self.names)?;
        let sending = Sending {
            message,
            retransmit: attributes.milliseconds("retrans")?.filter(|time| !time.is_zero()),
            on_timeout: self.label(attributes, "ontimeout")?,
            lost: attributes.number("lost")?.unwrap_or(0.0),
            starts_transaction: attributes.text("start_txn").map(str::to_owned),
            acknowledges: attributes.text("ack_txn").map(str::to_owned),
        };
        let in_transaction = sending.starts_transaction.is_some() || sending.acknowledges.is_some();
        if !sending.is_response() && !in_transaction {
            self.methods.push_str(sending.message.first_word());
        }
        Ok(sending)
    }

    fn receive(&mut self, attributes: &mut Attributes) -> Result<Receiving, Fault> {
        let like = attributes.truth("regexp_match")?;
        let transaction = attributes.text("response_txn").map(str::to_owned);
        let expected = match (attributes.text("request"), attributes.text("response")) {
            (Some(method), None) if like => Expected::RequestLike(regular(attributes, method, true)?),
            (Some(method), None) => Expected::Request(method.to_owned()),
            (None, Some(code)) => {
                let code = code.parse().ok().filter(|code| (100..700).contains(code));
                let code = code.ok_or_else(|| attributes.fault("response is no status of SIP"))?;
                Expected::Response { code, methods: self.methods.clone(), transaction }
            }
            (Some(_), Some(_)) => return Err(attributes.fault("has both request and response")),
            (None, None) => return Err(attributes.fault("has neither request nor response")),
        };
        let optional = match attributes.text("optional") {
            None | Some("false") => Optional::No,
            Some("true") => Optional::Yes,
            Some("global") => Optional::Global,
            Some(other) => return Err(attributes.fault(format!("optional=\"{other}\" is not known here"))),
        };
        Ok(Receiving {
            expected,
            optional,
            timeout: attributes.milliseconds("timeout")?.filter(|time| !time.is_zero()),
            on_timeout: self.label(attributes, "ontimeout")?,
            records_route: attributes.truth("rrs")?,
            authenticates: attributes.truth("auth")?,
            advances: attributes.text("advance_state") != Some("false"),
            lost: attributes.number("lost")?.unwrap_or(0.0),
        })
    }

    fn pause(&mut self, attributes: &mut Attributes) -> Result<What, Fault> {
        // whether the longest pause is plausible: nothing to do
        attributes.text("sanity_check");
        let variable = attributes.text("variable").map(|name| PauseLength::Variable(self.names.variable(name)));
        let fixed = attributes.number("milliseconds")?.map(|length| PauseLength::Drawn(Distribution::Fixed(length)));
        let drawn = Distribution::read(attributes)?.map(PauseLength::Drawn);
        let mut given = variable.into_iter().chain(fixed).chain(drawn);
        let length = given.next().unwrap_or(PauseLength::Drawn(Distribution::Fixed(0.0)));
        match given.next() {
            Some(_) => Err(attributes.fault("has more than one of milliseconds, variable and distribution")),
            None => Ok(What::Pause { length, is_wait: false }),
        }
    }

    fn branch(&mut self, attributes: &mut Attributes) -> Result<Option<Branch>, Fault> {
        let test = attributes.text("test").map(|name| self.names.variable(name));
        let chance = attributes.number("chance")?.unwrap_or(1.0);
        let to = self.label(attributes, "next")?;
        if !(0.0..=1.0).contains(&chance) {
            return Err(attributes.fault("chance is not between 0 and 1"));
        }
        Ok(to.map(|to| Branch { to, test, chance }))
    }

    fn label(&self, attributes: &mut Attributes, name: &'static str) -> Result<Option<usize>, Fault> {
        let Some(label) = attributes.text(name) else { return Ok(None) };
        let place = self.labels.places.get(label).copied();
        place.map(Some).ok_or_else(|| attributes.fault(format!("{name}=\"{label}\": there is no label of that id")))
    }

    fn actions(&mut self, element: &Element) -> Result<Vec<Action>, Fault> {
        let mut actions = Vec::new();
        for child in &element.children {
            if child.name != "action" {
                let message = format!("<{}> is nothing that may stand in <{}>", child.name, element.name);
                return Err(Fault::new(child.line, message));
            }
            for action in &child.children {
                match Action::read(action, &mut self.names) {
                    Ok(read) => actions.extend(read),
                    Err(fault) => self.faults.push(fault),
                }
            }
        }
        Ok(actions)
    }
}
