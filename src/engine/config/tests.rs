//! What the node's file and environment may say, and what is said about what they may not.

use proptest::prelude::*;

use super::*;
use crate::engine::MemoryDisk;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<NodeConfig, String> {
    let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    NodeConfig::load(Path::new("config"), &SourceFile::new("ringpost.toml", text), environment)
        .map_err(|faults| faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))
}

fn faults(text: &str, environment: &[(&str, &str)]) -> String {
    load(text, environment).err().unwrap_or_default()
}

#[test]
fn the_file_as_shipped_says_the_defaults() {
    let mut shipped = load(include_str!("../../../config/ringpost.toml"), &[]).unwrap();
    assert_eq!(shipped.mail.from.as_str(), "ringpost@example.test");
    let defaults = load("", &[]).unwrap();
    shipped.mail.from = defaults.mail.from.clone();
    assert_eq!(shipped, defaults);
}

#[test]
fn defaults_are_those_of_the_design() {
    let config = load("", &[]).unwrap();
    assert_eq!(config.roles, [Role::CallRouter, Role::Um]);
    assert_eq!((config.max_calls_allowed, config.data.to_str()), (100, Some("var")));
    let listeners: Vec<_> = config.listeners().into_iter().map(|(part, address)| (part, address.to_string())).collect();
    assert_eq!(
        listeners,
        [
            (Part::CallRouter, "0.0.0.0:5060".to_owned()),
            (Part::UmService, "0.0.0.0:5062".to_owned()),
            (Part::UmWorker, "0.0.0.0:5065".to_owned())
        ]
    );
    assert_eq!((config.rtp.ports.clone(), config.rtp.pairs()), (20000..=29999, 5000));
    assert_eq!(config.sip.session_expires, Duration::from_secs(1800));
    assert_eq!(config.sip.min_se, Duration::from_secs(90));
    assert_eq!(config.rtp.media_timeout, Duration::from_secs(30));
    assert_eq!(config.directory, Path::new("config/directory"));
    assert_eq!(config.mail.store, MailStore::Maildir);
    assert_eq!(config.logging, LoggingConfig { level: LogLevel::Info, format: LogFormat::Text });
}

#[test]
fn every_key_can_be_set_in_the_file() {
    let config = load(
        r#"
name = "UM1.example.test"
roles = ["um"]
max_calls_allowed = 500
refresh_interval = "5m"
data = "/var/lib/ringpost"
[sip]
bind_addresses = ["192.0.2.5", "2001:db8::5"]
advertised_address = "198.51.100.7"
call_router_port = 6060
um_service_port = 0
um_worker_port = 0
um_worker_replacement_port = 0
session_expires = "1h"
min_se = "2m"
[rtp]
ports = "1024-65535"
media_timeout = "1m"
[directory]
folder = "/etc/organisation"
[prompts]
folder = "prompts"
[mail]
store = "smtp"
from = "voicemail@example.test"
[mail.smtp]
host = "Mail.example.test"
port = 587
starttls = "required"
username = "ringpost"
password_file = "secret"
hello_name = "um1.example.test"
timeout = "30s"
[logging]
level = "debug"
format = "json"
[admin]
address = "[::1]:0"
[worker]
max_age = "1d"
max_rss = 512
[gateways]
options_interval = "30s"
"#,
        &[],
    )
    .unwrap();
    assert_eq!(config.name.as_ref().map(HostName::as_str), Some("um1.example.test"));
    let listeners: Vec<_> = config.listeners().iter().map(|(_, address)| address.to_string()).collect();
    assert_eq!(listeners, ["192.0.2.5:0", "[2001:db8::5]:0", "192.0.2.5:0", "[2001:db8::5]:0"]);
    assert_eq!(config.sip.advertised_address.unwrap().to_string(), "198.51.100.7");
    assert_eq!((config.sip.session_expires.as_secs(), config.sip.min_se.as_secs()), (3600, 120));
    assert_eq!(config.directory, Path::new("/etc/organisation"));
    assert_eq!(config.refresh_interval.as_secs(), 300);
    assert_eq!((config.worker.max_age.as_secs(), config.worker.max_rss), (86_400, 512));
    assert_eq!(config.gateways.options_interval, Duration::from_secs(30));
    assert_eq!(config.admin.address.to_string(), "[::1]:0");
    assert_eq!(config.prompts.as_deref(), Some(Path::new("config/prompts")));
    let MailStore::Smtp(smtp) = &config.mail.store else { panic!("not SMTP") };
    assert_eq!(
        (smtp.host.as_str(), smtp.port, smtp.starttls, smtp.timeout.as_secs()),
        ("mail.example.test", 587, StartTls::Required, 30)
    );
    let credentials = smtp.credentials.as_ref().unwrap();
    assert_eq!(credentials.username, "ringpost");
    assert_eq!(credentials.password, Password::File(PathBuf::from("config/secret")));
}

#[test]
fn the_environment_comes_before_the_file() {
    let config = load(
        "[sip]\num_worker_port = 5065\ncall_router_port = 5070\n",
        &[
            ("RINGPOST__SIP__UM_WORKER_PORT", "5075"),
            ("RINGPOST__ROLES", "um, call-router"),
            ("RINGPOST__SIP__BIND_ADDRESSES", "127.0.0.1,::1"),
            ("RINGPOST__MAIL__STORE", "smtp"),
            ("RINGPOST__MAIL__FROM", "a@example.test"),
            ("RINGPOST__MAIL__SMTP__HOST", "localhost"),
            ("RINGPOST__MAIL__SMTP__STARTTLS", "never"),
            ("RINGPOST__MAIL__SMTP__USERNAME", "ringpost"),
            ("RINGPOST__MAIL__SMTP__PASSWORD", "0123"),
            ("RINGPOST__RTP__MEDIA_TIMEOUT", "20s"),
            // neither is a setting: the command line's, and somebody else's
            ("RINGPOST_DATA", "elsewhere"),
            ("SIP__UM_WORKER_PORT", "1"),
        ],
    )
    .unwrap();
    assert_eq!((config.sip.um_worker_port, config.sip.call_router_port), (5075, 5070));
    assert_eq!(config.roles, [Role::Um, Role::CallRouter]);
    assert_eq!(config.sip.bind_addresses.len(), 2);
    assert_eq!(config.rtp.media_timeout, Duration::from_secs(20));
    let MailStore::Smtp(SmtpConfig { credentials: Some(credentials), .. }) = &config.mail.store else {
        panic!("not SMTP")
    };
    let Password::Text(secret) = &credentials.password else { panic!("no password") };
    assert_eq!(secret.expose(), "0123");
    assert!(!format!("{config:?}").contains("0123"));
}

#[test]
fn faults_of_the_file_name_line_and_key() {
    for (text, fault) in [
        ("colour = 1", "ringpost.toml:1: colour: is not known here"),
        ("max_calls = 1", "ringpost.toml:1: max_calls: is not known here"),
        (
            "max_calls_alowed = 1",
            "ringpost.toml:1: max_calls_alowed: is not known here; did you mean max_calls_allowed?",
        ),
        ("\n[sips]\nx = 1", "ringpost.toml:2: sips: is not known here; did you mean sip?"),
        (
            "[sip]\n\ncall_router_prt = 1",
            "ringpost.toml:3: sip.call_router_prt: is not known here; did you mean call_router_port?",
        ),
        ("[tls]", "ringpost.toml:1: tls: is not supported yet; take it out"),
        (
            "[gateways]\noptions_interval = \"1s\"",
            "ringpost.toml:2: gateways.options_interval: 1s is out of range; 5s to 1h is allowed",
        ),
        ("refresh_interval = \"2d\"", "ringpost.toml:1: refresh_interval: 2d is out of range; 1s to 1d is allowed"),
        (
            "[admin]\naddress = \"localhost\"",
            "ringpost.toml:2: admin.address: \"localhost\" is no IP address with a port, such as \"127.0.0.1:8080\"",
        ),
        ("[worker]\nmax_rss = 1", "ringpost.toml:2: worker.max_rss: 1 is out of range; 64 to 1048576 is allowed"),
        ("sip = 5060", "ringpost.toml:1: sip: is a section; write [sip]"),
        ("roles = []", "ringpost.toml:1: roles: must not be empty"),
        ("roles = [\"router\"]", "ringpost.toml:1: roles: \"router\" is not allowed; allowed are call-router, um"),
        ("max_calls_allowed = 0", "ringpost.toml:1: max_calls_allowed: 0 is out of range; 1 to 10000 is allowed"),
        ("max_calls_allowed = \"9\"", "ringpost.toml:1: max_calls_allowed: expected a whole number"),
        ("name = \"um 1\"", "ringpost.toml:1: name: \"um 1\" is no host name"),
        ("data = \"\"", "ringpost.toml:1: data: is no name of a file or folder"),
        ("[sip]\nbind_addresses = [\"eth0\"]", "ringpost.toml:2: sip.bind_addresses: \"eth0\" is no IP address"),
        (
            "[sip]\nadvertised_address = \"0.0.0.0\"",
            "ringpost.toml:2: sip.advertised_address: is no address that a peer can send to; leave it out to use the local one of each call",
        ),
        (
            "[sip]\ncall_router_port = 65536",
            "ringpost.toml:2: sip.call_router_port: 65536 is out of range; 0 to 65535 is allowed",
        ),
        ("[sip]\num_worker_port = 5062", "ringpost.toml:2: sip.um_worker_port: 5062 is the port of another listener"),
        (
            "[sip]\nsession_expires = \"89s\"",
            "ringpost.toml:2: sip.session_expires: 1m29s is out of range; 1m30s to 1d is allowed",
        ),
        ("[sip]\nmin_se = \"1h\"", "ringpost.toml:2: sip.min_se: is longer than session_expires"),
        (
            "[rtp]\nports = \"20001-20010\"",
            "ringpost.toml:2: rtp.ports: \"20001-20010\" is no range of ports; write \"first-last\" with an even first one of 1024 or more, such as \"20000-29999\"",
        ),
        (
            "[rtp]\nports = \"20000-20100\"",
            "ringpost.toml:2: rtp.ports: has room for 50 calls; max_calls_allowed is 100",
        ),
        ("[rtp]\nports = \"5066-6000\"", "ringpost.toml:2: rtp.ports: contains 5067, on which SIP is listened for"),
        (
            "[rtp]\nmedia_timeout = \"1s\"",
            "ringpost.toml:2: rtp.media_timeout: 1s is out of range; 5s to 10m is allowed",
        ),
        (
            "[logging]\nlevel = \"loud\"",
            "ringpost.toml:2: logging.level: \"loud\" is not allowed; allowed are error, warn, info, debug, trace",
        ),
        (
            "[mail]\nstore = \"smtp\"\nfrom = \"a@example.test\"",
            "ringpost.toml:1: mail.smtp: is missing; store = \"smtp\" needs [mail.smtp] with a host",
        ),
        (
            "[mail]\nstore = \"smtp\"\n[mail.smtp]\nport = 0",
            "ringpost.toml:1: mail.from: is missing; name the sender of messages, such as \"voicemail@example.com\"\n\
             ringpost.toml:3: mail.smtp.host: is missing; name the mail server\n\
             ringpost.toml:4: mail.smtp.port: 0 is out of range; 1 to 65535 is allowed",
        ),
        (
            "[mail.smtp]\nhost = \"mail.example.test\"\nusername = \"a\"\npassword = \"b\"\nstarttls = \"opportunistic\"",
            "ringpost.toml:5: mail.smtp.starttls: must be \"required\" when a password is sent to another machine",
        ),
        (
            "[mail.smtp]\nhost = \"h\"\nusername = \"a\"",
            "ringpost.toml:3: mail.smtp.username: needs password or password_file",
        ),
        (
            "[mail.smtp]\nhost = \"h\"\npassword = \"a\"",
            "ringpost.toml:1: mail.smtp.username: is missing; a password needs one",
        ),
        (
            "[mail.smtp]\nhost = \"h\"\nusername = \"a\"\npassword = \"b\"\npassword_file = \"c\"",
            "ringpost.toml:5: mail.smtp.password_file: cannot stand beside password; leave one of them out",
        ),
        (
            "[mail.smtp]\nhost = \"h\"\nusername = \"a\"\npassword = \"s3cret\\n\"",
            "ringpost.toml:4: mail.smtp.password: must be text on one line, not empty",
        ),
    ] {
        assert_eq!(faults(text, &[]), fault, "{text}");
    }
}

#[test]
fn a_file_that_is_no_toml_names_the_line() {
    let fault = faults("roles = [\"um\"]\nname = \"um\n", &[]);
    assert!(fault.starts_with("ringpost.toml:2: is not TOML: "), "{fault}");
}

#[test]
fn faults_of_the_environment_name_the_variable() {
    for (environment, fault) in [
        (("RINGPOST__SIP__UM_WORKER_PORT", "x"), "environment: RINGPOST__SIP__UM_WORKER_PORT: expected a whole number"),
        (
            ("RINGPOST__SIP__UM_WORKER_PORT", "5062"),
            "environment: RINGPOST__SIP__UM_WORKER_PORT: 5062 is the port of another listener",
        ),
        (("RINGPOST__SIP__PORT", "5062"), "environment: RINGPOST__SIP__PORT: is not known here"),
        (("RINGPOST__SIP", "5062"), "environment: RINGPOST__SIP: is a section; write [sip]"),
        (("RINGPOST__ROLE", "um"), "environment: RINGPOST__ROLE: is not known here; did you mean roles?"),
        (("RINGPOST__ROLES", ","), "environment: RINGPOST__ROLES: must not be empty"),
    ] {
        assert_eq!(faults("", &[environment]), fault, "{environment:?}");
    }
}

#[test]
fn all_faults_are_found_at_once() {
    let text = "max_calls_allowed = 0\n[sip]\nmin_se = \"1s\"\n[logging]\nlevel = 1\n";
    assert_eq!(
        faults(text, &[("RINGPOST__ADMIN__ADDRESS", "here")]),
        "environment: RINGPOST__ADMIN__ADDRESS: \"here\" is no IP address with a port, such as \"127.0.0.1:8080\"\n\
         ringpost.toml:1: max_calls_allowed: 0 is out of range; 1 to 10000 is allowed\n\
         ringpost.toml:3: sip.min_se: 1s is out of range; 1m30s to 1d is allowed\n\
         ringpost.toml:5: logging.level: expected text in quotes"
    );
}

#[test]
fn the_file_is_read_from_the_configuration_folder() {
    let disk = MemoryDisk::default();
    let read = |disk: &MemoryDisk| NodeConfig::read(disk, Path::new("config"), HashMap::new());
    let missing = read(&disk).unwrap_err();
    assert!(missing[0].to_string().starts_with("config/ringpost.toml: cannot be read: "), "{}", missing[0]);
    disk.put("config/ringpost.toml", b"max_calls_allowed = 7").unwrap();
    assert_eq!(read(&disk).unwrap().max_calls_allowed, 7);
    disk.append(Path::new("config/ringpost.toml")).unwrap().append(b"\xff").unwrap();
    assert_eq!(read(&disk).unwrap_err()[0].to_string(), "config/ringpost.toml: is not UTF-8 text");
}

#[test]
fn a_password_file_gives_its_first_line() {
    let disk = MemoryDisk::default();
    let password = Password::File(PathBuf::from("config/secret"));
    assert!(password.reveal(&disk).is_err());
    disk.put("config/secret", b"open sesame\r\n").unwrap();
    assert_eq!(password.reveal(&disk).unwrap().expose(), "open sesame");
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_has_faults(text in "\\PC{0,200}", key in "[a-z_]{1,12}", name in "[A-Z_.\\[\\]0-9]{0,20}", value in "\\PC{0,20}") {
        let section = format!("[sip]\n{key} = 1\n[mail.smtp]\n{key} = \"x\"");
        for text in [text, section] {
            if let Err(faults) = load(&text, &[(&format!("RINGPOST__{name}"), &value)]) {
                prop_assert!(!faults.is_empty());
            }
        }
    }
}
