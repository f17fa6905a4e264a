//! `ringpost dial-plan get|set|new|remove` and the same for every kind of object: options come from the registry of
//! settings.
//! Knows: options, how objects are printed. Must not: know one setting, or what is allowed.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::Folders;
use super::ask::{Failure, ask};
use super::{node, print};
use crate::admin::command::{Answer, Changes, Request, Step};
use crate::admin::settings::{Change, Edit, Kind, Setting, State, Value};
use crate::link::CallSelector;

/// The noun of a kind with its verbs.
pub(super) fn command(kind: Kind) -> Command {
    let noun = Command::new(kind.noun())
        .about(format!("Show and change {}", kind.several()))
        .subcommand_required(true)
        .arg_required_else_help(true);
    let noun = noun.subcommand(get(kind)).subcommand(new(kind)).subcommand(remove(kind));
    match kind {
        // fixed once made, as in Exchange
        Kind::HuntGroup => noun,
        Kind::IpGateway => {
            let noun = noun.subcommand(health());
            noun.subcommand(set(kind)).subcommand(enable(kind)).subcommand(disable(kind))
        }
        Kind::Service => noun.subcommand(set(kind)).subcommand(enable(kind)).subcommand(disable(kind)),
        _ => noun.subcommand(set(kind)),
    }
}

/// Does what the arguments of a noun say.
pub(super) fn run(folders: &Folders, kind: Kind, arguments: &ArgMatches) -> Result<(), Failure> {
    let Some((verb, arguments)) = arguments.subcommand() else { return Ok(()) };
    if verb == "health" {
        return node::gateways(folders, arguments.get_flag("json"));
    }
    let name = arguments.get_one::<String>("NAME").cloned();
    if verb == "get" {
        let is_all = name.is_none();
        let json = arguments.get_flag("json");
        let Answer::Objects(objects) = ask(folders, Request::Get { kind, identity: name })? else {
            return Err(Failure::Unexpected);
        };
        print::objects(&objects, is_all, json);
        return Ok(());
    }
    if kind == Kind::Service && ["enable", "disable"].contains(&verb) {
        return service_state(folders, verb == "enable", name, arguments);
    }
    let identity = name.unwrap_or_else(|| "localhost".to_owned());
    let calls_of = identity.clone();
    let steps = match verb {
        "new" => steps_of_new(kind, identity, arguments),
        "remove" => vec![Step::Remove { kind, identity }],
        "enable" => vec![Step::Set { kind, identity, edits: vec![Edit::text("status", "Enabled")] }],
        "disable" => vec![Step::Set { kind, identity, edits: vec![Edit::text("status", "Disabled")] }],
        _ => vec![Step::Set { kind, identity, edits: edits(kind, arguments) }],
    };
    let changes = Changes { steps, what_if: arguments.get_flag("what-if") };
    match ask(folders, Request::Change(changes)).map_err(|failure| in_options(kind, failure))? {
        Answer::Changed(changed) => print::changed(&changed),
        _ => return Err(Failure::Unexpected),
    }
    if is_immediate(arguments) && !arguments.get_flag("what-if") {
        node::drop_calls(folders, CallSelector::IpGateway(calls_of))?;
    }
    Ok(())
}

fn is_immediate(arguments: &ArgMatches) -> bool {
    arguments.try_get_one::<bool>("immediate").ok().flatten().copied().unwrap_or_default()
}

/// A service is enabled and disabled as a component of the running node; nothing is written to the directory.
fn service_state(
    folders: &Folders,
    enable: bool,
    server: Option<String>,
    arguments: &ArgMatches,
) -> Result<(), Failure> {
    let state = if enable { "Active" } else { "Inactive" };
    if arguments.get_flag("what-if") {
        say!("what if: the UM service becomes {state}");
        return Ok(());
    }
    node::service_state(folders, server, state)?;
    if is_immediate(arguments) {
        node::drop_calls(folders, CallSelector::All)?;
    }
    Ok(())
}

/// A refusal names the option, not the key.
fn in_options(kind: Kind, failure: Failure) -> Failure {
    match failure {
        Failure::Refused(refusal) => {
            let message = refusal
                .show(|key| kind.setting(key).map_or(key.to_owned(), |setting| format!("--{}", setting.option())));
            Failure::Refused(crate::admin::command::Refusal::new(refusal.reason, message))
        }
        other => other,
    }
}

fn steps_of_new(kind: Kind, name: String, arguments: &ArgMatches) -> Vec<Step> {
    let mut steps = vec![Step::New { kind, name: name.clone(), edits: edits(kind, arguments) }];
    match kind {
        Kind::DialPlan if !arguments.get_flag("no-mailbox-policy") => steps.push(Step::default_policy(&name)),
        Kind::IpGateway => {
            let plan = arguments.get_one::<String>("for-dial-plan");
            steps.extend(plan.map(|plan| Step::default_hunt_group(&name, plan)));
        }
        _ => {}
    }
    steps
}

fn edits(kind: Kind, arguments: &ArgMatches) -> Vec<Edit> {
    let mut edits = Vec::new();
    let has = |id: &str| arguments.try_contains_id(id).unwrap_or(false);
    for setting in kind.settings().iter().filter(|setting| !setting.key.is_empty()) {
        let values = |id: &str| -> Option<Vec<String>> {
            if !has(id) {
                return None;
            }
            let values = arguments.get_many::<String>(id)?;
            Some(values.flat_map(|value| split(setting, value)).collect())
        };
        let change = |change| Edit { key: setting.key.to_owned(), change };
        if let Some(values) = values(setting.key) {
            let value = match setting.is_list() {
                true => Value::List(values),
                false => Value::Text(values.join(",")),
            };
            edits.push(change(Change::Set(value)));
        }
        if let Some(members) = values(&format!("add_{}", setting.key)) {
            edits.push(change(Change::Add(members)));
        }
        if let Some(members) = values(&format!("remove_{}", setting.key)) {
            edits.push(change(Change::Remove(members)));
        }
    }
    if has("unset") {
        let options = arguments.get_many::<String>("unset").into_iter().flatten();
        edits.extend(options.map(|option| Edit { key: option.replace('-', "_"), change: Change::Unset }));
    }
    edits
}

/// Members of a list stand between commas.
fn split(setting: &Setting, text: &str) -> Vec<String> {
    match setting.is_list() {
        true => text.split(',').map(|member| member.trim().to_owned()).filter(|member| !member.is_empty()).collect(),
        false => vec![text.to_owned()],
    }
}

fn get(kind: Kind) -> Command {
    Command::new("get").about(format!("Show one of the {}, or all", kind.several())).arg(name(kind, false)).arg(json())
}

fn health() -> Command {
    Command::new("health").about("Show which UM IP gateways answer, as the running node sees them").arg(json())
}

fn set(kind: Kind) -> Command {
    let mut command = Command::new("set").about(format!("Change {}", kind.a())).arg(name(kind, !kind.is_of_server()));
    for setting in kind.settings().iter().filter(|setting| !setting.key.is_empty() && !setting.fixed) {
        command = command.arg(option(setting));
        if setting.is_list() && setting.state == State::Works {
            let part = |id: &str, what: &str| {
                Arg::new(format!("{id}_{}", setting.key))
                    .long(format!("{id}-{}", setting.option()))
                    .value_name("VALUE,...")
                    .help(format!("{what} --{}", setting.option()))
                    .action(ArgAction::Append)
            };
            command = command.arg(part("add", "Put into")).arg(part("remove", "Take out of"));
        }
    }
    let optional =
        kind.working().filter(|setting| !setting.fixed && setting.default != crate::admin::settings::Default::Needed);
    let names: Vec<String> = optional.map(Setting::option).collect();
    let unset = Arg::new("unset")
        .long("unset")
        .value_name("OPTION")
        .help("Back to the default")
        .action(ArgAction::Append)
        .value_parser(clap::builder::PossibleValuesParser::new(names))
        .hide_possible_values(true);
    command.arg(unset).arg(what_if())
}

fn new(kind: Kind) -> Command {
    let mut command = Command::new("new").about(format!("Make {}", kind.a())).arg(name(kind, true));
    for setting in kind.settings().iter().filter(|setting| !setting.key.is_empty() && setting.key != kind.identity()) {
        command = command.arg(option(setting));
    }
    command = match kind {
        Kind::DialPlan => command.arg(
            Arg::new("no-mailbox-policy")
                .long("no-mailbox-policy")
                .help("Do not make \"NAME Default Policy\" with it")
                .action(ArgAction::SetTrue),
        ),
        Kind::IpGateway => command.arg(
            Arg::new("for-dial-plan")
                .long("for-dial-plan")
                .value_name("PLAN")
                .help("Make a hunt group with it that gives all of its calls to this dial plan"),
        ),
        _ => command,
    };
    command.arg(what_if())
}

fn remove(kind: Kind) -> Command {
    Command::new("remove").about(format!("Remove {}", kind.a())).arg(name(kind, true)).arg(what_if())
}

fn enable(kind: Kind) -> Command {
    Command::new("enable").about(format!("Enable {}", kind.a())).arg(name(kind, !kind.is_of_server())).arg(what_if())
}

fn disable(kind: Kind) -> Command {
    let immediate = Arg::new("immediate").long("immediate").help("End its calls, too").action(ArgAction::SetTrue);
    Command::new("disable")
        .about(format!("Disable {}: new calls are refused, running ones go on", kind.a()))
        .arg(name(kind, !kind.is_of_server()))
        .arg(immediate)
        .arg(what_if())
}

fn name(kind: Kind, required: bool) -> Arg {
    let help = match kind {
        Kind::HuntGroup => "Its name, or GATEWAY\\NAME",
        Kind::Mailbox => "Alias, e-mail address or display name",
        Kind::Service | Kind::CallRouter => "The server; localhost is this node [default for set: localhost]",
        _ => "Its name",
    };
    Arg::new("NAME").help(help).required(required)
}

fn option(setting: &Setting) -> Arg {
    let allowed = setting.allowed();
    let help = match setting.state {
        State::Works => format!("{} [allowed: {allowed}; default: {}]", setting.meaning, setting.shown_default()),
        State::NotBuilt(part) => format!("not built yet: {part}"),
        State::Ignored(reason) => format!("ignored: {reason}"),
    };
    let arg = Arg::new(setting.key)
        .long(setting.option())
        .value_name(if setting.is_list() { "VALUE,..." } else { "VALUE" })
        .help(help)
        .allow_hyphen_values(true)
        .action(if setting.is_list() { ArgAction::Append } else { ArgAction::Set })
        .hide(setting.state != State::Works);
    // Exchange's names begin with UM, and scripts are written from them
    match setting.key {
        "dial_plan" | "ip_gateway" | "mailbox_policy" => arg.alias(format!("um-{}", setting.option())),
        _ => arg,
    }
}

pub(super) fn json() -> Arg {
    Arg::new("json").long("json").help("Print JSON").action(ArgAction::SetTrue)
}

fn what_if() -> Arg {
    Arg::new("what-if").long("what-if").help("Say what would be done, and do nothing").action(ArgAction::SetTrue)
}
