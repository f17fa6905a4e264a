//! A node that sends its messages to a mail server, by real SMTP to a real Exim.

use crate::mail::Exim;
use crate::node::{Mail, Node};
use crate::peers::Sipp;
use crate::sound;

#[test]
fn a_message_goes_to_the_mail_server() {
    let mut exim = Exim::without_tls();
    let node = Node::start_with(&[
        ("RINGPOST__MAIL__STORE", "smtp".to_owned()),
        ("RINGPOST__MAIL__SMTP__HOST", "127.0.0.1".to_owned()),
        ("RINGPOST__MAIL__SMTP__PORT", exim.port.to_string()),
        ("RINGPOST__MAIL__SMTP__STARTTLS", "never".to_owned()),
    ]);
    Sipp::new(&node, "leave-message").run();

    let mail = Mail::new("alice", exim.inbox(1).remove(0));
    assert!(mail.is_voice_message());
    assert_eq!(mail.subject(), "Voice Mail from Ada Lovelace (0:05)");
    assert_eq!(mail.attachment().unwrap().0, "+14255550100 (5 seconds) voice mail.wav");
    let alike = sound::correlation(&sound::speech(), &mail.audio(), 4000);
    assert!(alike > 0.9, "not what was said: {alike}");
    assert!(node.mails_when_idle().is_empty(), "nothing goes to a Maildir as well");
}
