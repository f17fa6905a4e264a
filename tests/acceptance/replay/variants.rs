//! Scenarios that go wrong on purpose, each made of another one by a few words.

use std::fs;
use std::path::Path;

/// A scenario, and what is changed in it.
pub struct Variant {
    pub name: &'static str,
    base: &'static str,
    changes: &'static [(&'static str, &'static str)],
    pub to: To,
    pub tcp: bool,
    pub from: &'static str,
    pub fails: bool,
    /// Both programs name the step.
    pub says_where: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    Worker,
    Router,
    /// Nobody listens there.
    Nobody,
    /// It is called itself.
    Us,
}

impl Variant {
    const fn of(name: &'static str, base: &'static str, changes: &'static [(&'static str, &'static str)]) -> Variant {
        let (to, from) = (To::Worker, "127.0.0.1");
        Variant { name, base, changes, to, tcp: false, from, fails: true, says_where: true }
    }

    const fn to(self, to: To) -> Variant {
        Variant { to, ..self }
    }

    const fn over_tcp(self) -> Variant {
        Variant { tcp: true, ..self }
    }

    const fn from(self, from: &'static str) -> Variant {
        Variant { from, ..self }
    }

    /// It only looks as if it would fail.
    const fn goes_well(self) -> Variant {
        Variant { fails: false, ..self }
    }

    /// sipp does not say at which step.
    const fn somewhere(self) -> Variant {
        Variant { says_where: false, ..self }
    }

    /// The scenario as it is played.
    pub fn text(&self) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut text = fs::read_to_string(root.join(self.base)).unwrap();
        for (from, to) in self.changes {
            assert!(text.contains(from), "{}: {} does not say {from}", self.name, self.base);
            text = text.replacen(from, to, 1);
        }
        text
    }
}

const PING: &str = "scenarios/options-ping.xml";
const UNKNOWN: &str = "scenarios/unknown-extension.xml";
const CALL: &str = "scenarios/hang-up-during-greeting.xml";
const REDIRECT: &str = "scenarios/redirect-by-router.xml";
const CALLED: &str = "src/replay/builtin/uas.xml";

const END: &str = "<Reference variables=\"allow,accept\"/>";
const RESPONSE: &str = "<recv response=\"200\">";
const ANSWER: &str = "<recv response=\"200\" rrs=\"true\"></recv>";
const BYE_ANSWER: &str = "<recv response=\"200\"></recv>";

pub const VARIANTS: &[Variant] = &[
    // ---- what comes is another message
    Variant::of("another final response", PING, &[(RESPONSE, "<recv response=\"404\">")]),
    Variant::of("a request is expected", PING, &[(RESPONSE, "<recv request=\"BYE\">")]),
    Variant::of("a request like this is expected", PING, &[(RESPONSE, "<recv request=\"IN.*\" regexp_match=\"true\">")]),
    Variant::of("a method nobody knows", PING, &[("OPTIONS sip", "DANCE sip"), ("1 OPTIONS", "1 DANCE")]),
    Variant::of("a refusal where an answer is expected", UNKNOWN, &[("response=\"404\"", "response=\"200\"")]),
    Variant::of("another refusal", UNKNOWN, &[("response=\"404\"", "response=\"486\"")]),
    Variant::of("an answer where a refusal is expected", CALL, &[(ANSWER, "<recv response=\"486\"></recv>")]),
    Variant::of("Trying is not expected", CALL, &[("<recv response=\"100\" optional=\"true\"></recv>", "")]),
    Variant::of("ringing is demanded", CALL, &[("<recv response=\"180\" optional=\"true\">", "<recv response=\"183\">")]),
    Variant::of("another answer to BYE", CALL, &[(BYE_ANSWER, "<recv response=\"481\"></recv>")]),
    Variant::of("BYE of another call", CALL, &[("[peer_tag_param]\n      Call-ID: [call_id]\n      CSeq: 2 BYE", ";tag=other\n      Call-ID: [call_id]\n      CSeq: 2 BYE")]),
    Variant::of("CSeq that goes back", CALL, &[("CSeq: 2 BYE", "CSeq: 0 BYE")]),
    Variant::of("CSeq of another method", CALL, &[("CSeq: 1 INVITE", "CSeq: 1 OPTIONS")]),
    Variant::of("an extension is required", CALL, &[("Max-Forwards: 70", "Max-Forwards: 70\n      Require: dancing")]),
    Variant::of("a short session", CALL, &[("Max-Forwards: 70", "Max-Forwards: 70\n      Session-Expires: 30\n      Supported: timer")]),
    Variant::of("an unknown user", CALL, &[("sip:1001@", "sip:1999@")]),
    Variant::of("no hops left", CALL, &[("Max-Forwards: 70", "Max-Forwards: 0")]),
    Variant::of("no codec in common", CALL, &[("RTP/AVP 0 8 101", "RTP/AVP 18 101")]),
    Variant::of("a body of another kind", CALL, &[("application/sdp", "text/plain")]),
    Variant::of("an unknown peer", CALL, &[]).from("127.0.0.2"),
    Variant::of("an unknown peer at the router", REDIRECT, &[]).to(To::Router).from("127.0.0.2"),
    Variant::of("a redirect where an answer is expected", REDIRECT, &[("response=\"302\"", "response=\"200\"")]).to(To::Router),
    Variant::of("a redirect elsewhere", REDIRECT, &[("cause=408", "cause=486")]).to(To::Router).somewhere(),
    Variant::of("something in a pause", PING, &[(RESPONSE, "<pause milliseconds=\"400\"/>\n<recv response=\"200\">")]),
    Variant::of("over TCP", PING, &[(RESPONSE, "<recv response=\"404\">")]).over_tcp(),
    Variant::of("a call over TCP", CALL, &[(BYE_ANSWER, "<recv response=\"481\"></recv>")]).over_tcp(),
    // ---- nothing comes
    Variant::of("nothing more comes", PING, &[(END, "<recv response=\"200\" timeout=\"300\"/>\n<Reference variables=\"allow,accept\"/>")]),
    Variant::of("nothing comes after what may come", PING, &[(RESPONSE, "<recv response=\"200\" optional=\"true\"/>\n<recv response=\"404\" timeout=\"400\">")]),
    Variant::of("nobody hangs up", CALL, &[("<pause milliseconds=\"1500\"/>", "<recv request=\"BYE\" timeout=\"500\"/>")]),
    Variant::of("what is sent is lost", PING, &[("<send retrans=\"500\">", "<send lost=\"100\">"), (RESPONSE, "<recv response=\"200\" timeout=\"300\">")]),
    Variant::of("what comes is lost", PING, &[("<send retrans=\"500\">", "<send>"), (RESPONSE, "<recv response=\"200\" lost=\"100\" timeout=\"300\">")]),
    Variant::of("what is to be sent is skipped", PING, &[("<send retrans=\"500\">", "<send condexec=\"allow\">"), (RESPONSE, "<recv response=\"200\" timeout=\"300\">")]),
    Variant::of("the way out is the end", PING, &[(END, "<recv response=\"200\" timeout=\"300\" ontimeout=\"end\"/>\n<label id=\"end\"/>\n<Reference variables=\"allow,accept\"/>")]).somewhere(),
    Variant::of("there is a way out", PING, &[(END, "<recv response=\"200\" timeout=\"300\" ontimeout=\"on\"/>\n<label id=\"on\"/>\n<pause milliseconds=\"10\"/>\n<Reference variables=\"allow,accept\"/>")]).goes_well(),
    Variant::of("nobody is there", PING, &[("retrans=\"500\"", "retrans=\"20\"")]).to(To::Nobody).somewhere(),
    Variant::of("nobody takes a call", CALL, &[("retrans=\"500\"", "retrans=\"20\"")]).to(To::Nobody).somewhere(),
    Variant::of("nobody is there over TCP", PING, &[]).to(To::Nobody).over_tcp().somewhere(),
    // ---- checks
    Variant::of("a header says something else", PING, &[("regexp=\"INVITE\"", "regexp=\"DANCE\"")]).somewhere(),
    Variant::of("a header that must not say so", PING, &[("check_it=\"true\"", "check_it_inverse=\"true\"")]).somewhere(),
    Variant::of("there is no such header", PING, &[("header=\"Allow:\"", "header=\"X-Allow:\"")]).somewhere(),
    Variant::of("a body that is not there", PING, &[("search_in=\"hdr\" header=\"Allow:\"", "search_in=\"body\"")]).somewhere(),
    Variant::of("a body that says something else", CALL, &[(ANSWER, "<recv response=\"200\" rrs=\"true\"><action><ereg regexp=\"a=inactive\" search_in=\"body\" check_it=\"true\" assign_to=\"a\"/></action></recv><Reference variables=\"a\"/>")]).somewhere(),
    Variant::of("a reason that is another", UNKNOWN, &[("regexp=\"1999\"", "regexp=\"2999\"")]).somewhere(),
    Variant::of("a call that is stopped", PING, &[("</action>", "<exec int_cmd=\"stop_call\"/></action>")]).somewhere(),
    Variant::of("a check before steps that do nothing", PING, &[("regexp=\"INVITE\"", "regexp=\"DANCE\""), (END, "<nop/>\n<pause milliseconds=\"5\"/>\n<Reference variables=\"allow,accept\"/>")]).somewhere(),
    // ---- branches
    Variant::of("a test leads to what does not come", PING, &[
        ("</action>", "<assign assign_to=\"n\" value=\"2\"/><test assign_to=\"t\" variable=\"n\" compare=\"greater_than\" value=\"1\"/></action>"),
        (RESPONSE, "<recv response=\"200\" next=\"wait\" test=\"t\">"),
        (END, "<pause milliseconds=\"1\" next=\"end\"/>\n<label id=\"wait\"/>\n<recv request=\"BYE\" timeout=\"300\"/>\n<label id=\"end\"/>\n<pause milliseconds=\"1\"/>\n<Reference variables=\"allow,accept\"/>"),
    ]),
    Variant::of("a test that does not lead there", PING, &[
        ("</action>", "<assign assign_to=\"n\" value=\"2\"/><add assign_to=\"n\" value=\"3\"/><divide assign_to=\"n\" value=\"5\"/><test assign_to=\"t\" variable=\"n\" compare=\"not_equal\" value=\"1\"/></action>"),
        (RESPONSE, "<recv response=\"200\" next=\"wait\" test=\"t\">"),
        (END, "<pause milliseconds=\"1\" next=\"end\"/>\n<label id=\"wait\"/>\n<recv request=\"BYE\" timeout=\"300\"/>\n<label id=\"end\"/>\n<pause milliseconds=\"1\"/>\n<Reference variables=\"allow,accept\"/>"),
    ]).goes_well(),
    // ---- called
    Variant::of("called, and it goes well", CALLED, &[("milliseconds=\"4000\"", "milliseconds=\"10\"")]).to(To::Us).goes_well(),
    Variant::of("called by another request", CALLED, &[("<recv request=\"INVITE\">", "<recv request=\"OPTIONS\">")]).to(To::Us).somewhere(),
    Variant::of("called, and another request is expected", CALLED, &[("<recv request=\"BYE\">", "<recv request=\"INFO\">")]).to(To::Us).somewhere(),
    Variant::of("called, and nobody hangs up", CALLED, &[("<recv request=\"BYE\"></recv>", "<recv request=\"BYE\" timeout=\"5000\"></recv>\n<recv request=\"BYE\" timeout=\"300\"></recv>")]).to(To::Us),
    Variant::of("called, and a check fails", CALLED, &[
        ("<recv request=\"BYE\"></recv>", "<recv request=\"BYE\"><action><ereg regexp=\"nobody\" search_in=\"hdr\" header=\"From:\" check_it=\"true\" assign_to=\"f\"/></action></recv>\n<Reference variables=\"f\"/>"),
        ("milliseconds=\"4000\"", "milliseconds=\"10\""),
    ]).to(To::Us).somewhere(),
];
