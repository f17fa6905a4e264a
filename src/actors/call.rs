//! What a call is when it is taken: out of the INVITE and the directory, all that its machines need to begin.
//! Knows: the words of SIP, of the directory and of the applications. Must not: do anything with them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;
use std::sync::Arc;

use super::rtp_ports::MediaSockets;
use super::sip_endpoint::Incoming;
use super::um_worker::{Equipment, RETRY_AFTER};
use crate::apps::{Application, CallAnswering, CallAnsweringSetup, CalledName, Echo};
use crate::directory::{Destination, Directory, Mailbox, ReasonForCall, Resolved, UriType};
use crate::engine::Environment;
use crate::engine::environment::blocking;
use crate::mailbox::greetings::Recorded;
use crate::mailbox::{CallDetails, Caller, EntryId, Recipient};
use crate::prompts::GreetingId;
use crate::protocol::sdp::{Codec, LocalMedia};
use crate::protocol::sip::calling_party::{CallingParty, calling_party};
use crate::protocol::sip::dialog::{Own, Refusal, Setup};
use crate::protocol::sip::{Flow, HeaderName, Request, Status, Transport};
use crate::routing::{Here, Role, peer_of, understand};

/// A call for a mailbox, or a test call.
pub struct Call {
    pub details: CallDetails,
    purpose: Purpose,
    /// The address our Contact and SDP name.
    address: IpAddr,
    pub sockets: Option<MediaSockets>,
    rtp_port: u16,
    /// Where the call's SIP comes from.
    pub peer: IpAddr,
}

/// What a call is answered for.
enum Purpose {
    CallAnswering {
        resolved: Box<Resolved>,
        mailbox: Arc<Mailbox>,
        withheld: bool,
    },
    /// What is heard is played back.
    Test,
}

/// The recordings of the called user.
#[derive(Default)]
pub struct Greetings {
    greeting: Option<Arc<[i16]>>,
    name: Option<Arc<[i16]>>,
}

impl Call {
    /// Understands an INVITE and takes what the call needs; a refusal says why it is not taken. `address_towards` is
    /// asked only when the directory knows the gateway and the called.
    pub fn place(
        incoming: &Incoming,
        directory: &Directory,
        equipment: &Equipment,
        address_towards: impl FnOnce(Flow) -> io::Result<IpAddr>,
    ) -> Result<Call, Refusal> {
        let Incoming { request, flow, .. } = incoming;
        let calling = calling_party(request);
        let peer = peer_of(request, flow.remote, |ip| is_ours(ip, directory, &*equipment.environment));
        let here = Here { directory, node: &equipment.settings.node, role: Role::Service };
        let resolved = understand(request, peer, calling.as_ref(), here)?;
        let (mailbox, reason) = match &resolved.destination {
            Destination::CallAnswering { mailbox, reason } => (mailbox.clone(), *reason),
            Destination::SubscriberAccess => {
                let text = "nobody to take a message for: the call was not diverted, and access to the mailbox by telephone is not built yet";
                return Err(Refusal::new(Status::TEMPORARILY_UNAVAILABLE, text));
            }
        };
        let address = address_towards(*flow).map_err(|error| {
            Refusal::new(Status::SERVER_INTERNAL_ERROR, &format!("no way to {}: {error}", flow.remote.ip()))
        })?;
        // where SIP is listened for, so is media; `address` may be one that only peers know
        let sockets = equipment.ports.bind(&*equipment.environment, flow.local.ip()).map_err(|error| {
            let why = format!("no RTP port: {error}");
            Refusal::new(Status::SERVICE_UNAVAILABLE, &why).retry_after(RETRY_AFTER)
        })?;
        let details = details(request, &resolved, &mailbox, reason, calling.as_ref(), equipment);
        let withheld = calling.is_none_or(|calling| calling.withheld);
        Ok(Call {
            details,
            address,
            peer: peer.ip(),
            rtp_port: sockets.rtp.local().port(),
            sockets: Some(sockets),
            purpose: Purpose::CallAnswering { resolved: Box::new(resolved), mailbox, withheld },
        })
    }

    /// A test call of this server's own: no gateway and no mailbox is asked for.
    pub fn test(incoming: &Incoming, equipment: &Equipment) -> Result<Call, Refusal> {
        let Incoming { request, flow, .. } = incoming;
        let unable = |what: &str, error: io::Error| {
            Refusal::new(Status::SERVICE_UNAVAILABLE, &format!("{what}: {error}")).retry_after(RETRY_AFTER)
        };
        let address = match flow.local.ip() {
            ip if ip.is_unspecified() => equipment.environment.address_towards(flow.remote.ip()),
            ip => Ok(ip),
        };
        let address = address.map_err(|error| unable("no way to the caller", error))?;
        let sockets = equipment.ports.bind(&*equipment.environment, flow.local.ip());
        let sockets = sockets.map_err(|error| unable("no RTP port", error))?;
        let mut octets = [0; 16];
        equipment.environment.fill_random(&mut octets);
        let nobody = Recipient { alias: String::new(), address: String::new(), display_name: String::new() };
        Ok(Call {
            details: CallDetails {
                id: EntryId::from_random(octets),
                node: equipment.settings.node.clone(),
                mailbox: nobody,
                caller: None,
                called: String::new(),
                started: equipment.environment.wall(),
                call_id: request.headers.get(&HeaderName::CallId).unwrap_or_default().to_owned(),
                dial_plan: String::new(),
                gateway: String::new(),
                reason: ReasonForCall::Direct.as_str().to_owned(),
                language: String::new(),
                notify_missed_call: false,
                test: true,
            },
            address,
            peer: flow.remote.ip(),
            rtp_port: sockets.rtp.local().port(),
            sockets: Some(sockets),
            purpose: Purpose::Test,
        })
    }

    /// What the SIP session starts with.
    pub fn session_setup(&self, incoming: Incoming, equipment: &Equipment) -> Setup {
        let Incoming { transaction, request, flow, local_tag, .. } = incoming;
        // what Contact, and the Via of our own requests, name: never the 0.0.0.0 a socket is bound to
        let local = SocketAddr::new(self.address, flow.local.port());
        Setup {
            transaction,
            invite: request,
            flow: Flow { local, ..flow },
            local_tag,
            own: own_side(local, flow.transport, self.rtp_port, equipment),
        }
    }

    /// The voice application that answers.
    pub fn application(&self, greetings: &Greetings, equipment: &Equipment) -> Application {
        let Purpose::CallAnswering { resolved, mailbox, withheld } = &self.purpose else {
            return Application::Echo(Echo::default());
        };
        let plan = &resolved.dial_plan;
        let name = match &greetings.name {
            Some(_) => CalledName::Recorded(GreetingId::new(NAME)),
            None => match mailbox.primary_extension() {
                Some(extension) => CalledName::Number(extension.to_string()),
                None => CalledName::Unknown,
            },
        };
        let setup = CallAnsweringSetup {
            language: equipment.prompts.choose(&mailbox.language, &plan.default_language),
            name,
            personal_greeting: greetings.greeting.as_ref().map(|_| GreetingId::new(GREETING)),
            max_recording: plan.max_recording_duration,
            idle_timeout: plan.recording_idle_timeout,
            max_call: plan.max_call_duration,
            input_failures: NonZeroU8::new(plan.input_failures_before_disconnect).unwrap_or(NonZeroU8::MIN),
            anonymous: *withheld,
            anonymous_allowed: mailbox.anonymous_callers_can_leave_messages,
            private_offered: true,
            missed_call_notification: mailbox.gets_missed_call_notifications(),
            disk_ok: equipment.spool_state.has_room(),
        };
        Application::CallAnswering(Box::new(CallAnswering::new(setup)))
    }
}

/// Our side of a session whose SIP has this local address, and its media this port of it.
pub(super) fn own_side(local: SocketAddr, transport: Transport, rtp_port: u16, equipment: &Equipment) -> Own {
    let Equipment { settings, environment, .. } = equipment;
    let contact = match transport {
        Transport::Udp => format!("sip:{local}"),
        Transport::Tcp => format!("sip:{local};transport=tcp"),
        Transport::Tls => format!("sip:{local};transport=tls"),
    };
    Own {
        contact,
        server: settings.server.clone(),
        session_expires: settings.session_expires,
        min_se: settings.min_se,
        media: LocalMedia {
            address: local.ip(),
            port: rtp_port,
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            dtmf: true,
            session_id: environment.random_u64() >> 2,
        },
        seed: environment.random_u64(),
    }
}

impl Greetings {
    /// Reads what the user has recorded; a recording that cannot be played is as good as none, and logged.
    pub async fn read(
        environment: Arc<dyn Environment>,
        store: crate::mailbox::greetings::Greetings,
        alias: String,
    ) -> Greetings {
        let read = blocking(&*environment, move || {
            let sound = |which| match store.read(&alias, which) {
                Ok(samples) => samples.map(Arc::from),
                Err(error) => {
                    tracing::warn!(%error, "greeting cannot be played");
                    None
                }
            };
            Greetings { greeting: sound(Recorded::Greeting), name: sound(Recorded::Name) }
        });
        read.await.unwrap_or_default()
    }

    pub fn sound(&self, name: &GreetingId) -> Option<Arc<[i16]>> {
        match name.as_str() {
            GREETING => self.greeting.clone(),
            NAME => self.name.clone(),
            _ => None,
        }
    }
}

const GREETING: &str = "greeting";
const NAME: &str = "name";

/// An address of this machine, or of another server: a call router there may send calls on.
pub(super) fn is_ours(ip: IpAddr, directory: &Directory, environment: &dyn Environment) -> bool {
    // the way to ourselves begins where it ends
    directory.is_server(ip) || environment.address_towards(ip).is_ok_and(|own| own == ip)
}

fn details(
    request: &Request,
    resolved: &Resolved,
    mailbox: &Mailbox,
    reason: ReasonForCall,
    calling: Option<&CallingParty>,
    equipment: &Equipment,
) -> CallDetails {
    let mut octets = [0; 16];
    equipment.environment.fill_random(&mut octets);
    let by_address = resolved.dial_plan.uri_type == UriType::SipName;
    let address = mailbox.sip_addresses.first().filter(|_| by_address).map(ToString::to_string);
    let extension = || mailbox.primary_extension().map(ToString::to_string);
    let caller = calling.filter(|calling| !calling.withheld).map(|calling| Caller {
        number: if by_address { calling.address() } else { calling.uri.user() },
        display: match &resolved.caller {
            Some(known) => Some(known.display_name.clone()),
            None => Some(calling.display.clone()).filter(|display| !display.is_empty()),
        },
        address: resolved.caller.as_ref().map(|known| known.email_address.to_string()),
    });
    CallDetails {
        id: EntryId::from_random(octets),
        node: equipment.settings.node.clone(),
        mailbox: Recipient {
            alias: mailbox.alias.to_string(),
            address: mailbox.email_address.to_string(),
            display_name: mailbox.display_name.clone(),
        },
        caller,
        called: address.or_else(extension).unwrap_or_default(),
        started: equipment.environment.wall(),
        call_id: request.headers.get(&HeaderName::CallId).unwrap_or_default().to_owned(),
        dial_plan: resolved.dial_plan.name.to_string(),
        gateway: resolved.gateway.name.to_string(),
        reason: reason.as_str().to_owned(),
        language: mailbox.language.to_string(),
        notify_missed_call: mailbox.gets_missed_call_notifications(),
        test: false,
    }
}
