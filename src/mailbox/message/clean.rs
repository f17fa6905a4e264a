//! Makes text from the wire harmless in mail: a caller chooses his display name, and must not choose our headers.
//! Knows: RFC 5322 and 2047 as far as a phrase, an address and a file name go. Must not: know what the text means.

/// One line of text for people: no control characters, nothing that turns the direction of writing, single blanks,
/// at most [`LONGEST_LINE`] characters, and nothing that a mail reader would take for an encoded word.
pub fn line(text: &str) -> String {
    let visible: String = text.chars().map(|c| if is_harmless(c) { c } else { ' ' }).collect();
    let mut words = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    while words.contains("=?") {
        words = words.replace("=?", "= ?");
    }
    if words.chars().count() > LONGEST_LINE {
        words = words.chars().take(LONGEST_LINE - 1).collect::<String>().trim_end().to_owned() + "…";
    }
    words
}

/// A value without blanks, such as a Call-ID: printable ASCII, at most [`LONGEST_TOKEN`] characters.
pub fn token(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(LONGEST_TOKEN).collect::<String>().replace("=?", "=_")
}

/// The inner part of a Message-ID (RFC 5322 3.6.4: no blanks, no angle brackets).
pub fn message_id(text: &str) -> String {
    token(text).replace(['<', '>', '(', ')', '"', '\\', ',', ';', ':', '[', ']'], "_")
}

/// A piece of a file name that every file system takes. ASCII, because readers of mail disagree on anything else.
pub fn file_name(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '_' | '.' | '@' | ' ');
    let name: String = line(text).chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    name.trim_start_matches(['.', ' ']).trim_end().to_owned()
}

/// Whether this is a mail address that may stand between angle brackets.
pub fn is_address(text: &str) -> bool {
    text.is_ascii() && text.len() <= 254 && !text.contains('"') && text.parse::<lettre::Address>().is_ok()
}

/// `"name" <address>` (RFC 5322 3.4), as encoded words when the name is not ASCII (RFC 2047 5 (3)).
pub fn mailbox(name: &str, address: &str) -> String {
    let name = line(name);
    let address: String = address.chars().filter(|c| c.is_ascii_graphic() && !"<>\"(),;:\\[]".contains(*c)).collect();
    if name.is_empty() {
        format!("<{address}>")
    } else if name.is_ascii() {
        format!("\"{}\" <{address}>", name.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("{} <{address}>", encoded_words(&name))
    }
}

/// RFC 2047 B encoding, each word of whole characters and at most 72 octets long.
fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut chunk = String::new();
    for c in text.chars() {
        if chunk.len() + c.len_utf8() > 42 {
            words.push(std::mem::take(&mut chunk));
        }
        chunk.push(c);
    }
    words.push(chunk);
    let encode = |word: &String| {
        let base64 = mail_builder::encoders::base64::base64_encode(word.as_bytes()).unwrap_or_default();
        format!("=?utf-8?B?{}?=", String::from_utf8_lossy(&base64))
    };
    words.iter().map(encode).collect::<Vec<_>>().join(" ")
}

fn is_harmless(c: char) -> bool {
    let turns_direction =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks_line = matches!(c, '\u{2028}' | '\u{2029}');
    let is_invisible = matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    !c.is_control() && !turns_direction && !breaks_line && !is_invisible
}

/// Longer names are cut: a display name, not an essay.
const LONGEST_LINE: usize = 64;
const LONGEST_TOKEN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_directions_and_encoded_words_are_taken_out() {
        assert_eq!(line("Kim\r\nBcc: all@example.test"), "Kim Bcc: all@example.test");
        assert_eq!(line("  a\t\tb\u{202e}c\u{0}"), "a b c");
        assert_eq!(line("=?utf-8?Q?x?="), "= ?utf-8?Q?x?=");
        assert_eq!(line("\r\n"), "");
        assert_eq!(line(&"é".repeat(500)).chars().count(), LONGEST_LINE);
    }

    #[test]
    fn mailboxes_are_quoted_or_encoded() {
        assert_eq!(mailbox("Anna \"Ann\" Berg\\", "a@x.test"), r#""Anna \"Ann\" Berg\\" <a@x.test>"#);
        assert_eq!(mailbox("", "a@x.test"), "<a@x.test>");
        assert_eq!(mailbox("x", "a@x.test>\r\nBcc: <b@x.test"), "\"x\" <a@x.testBccb@x.test>");
        let long = mailbox(&"민지 ".repeat(30), "m@x.test");
        assert!(long.split(' ').all(|word| word.len() <= 75), "{long}");
    }

    #[test]
    fn file_names_fit_every_file_system() {
        assert_eq!(file_name("+14255550100"), "+14255550100");
        assert_eq!(file_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(file_name("sip:anna@x.test"), "sip_anna@x.test");
        assert_eq!(file_name("a\"b*c?d<e>f|g"), "a_b_c_d_e_f_g");
    }

    #[test]
    fn addresses_are_plain() {
        assert!(is_address("alice@example.test"));
        for bad in
            ["alice", "a@b\r\nX: y", "a b@c.test", "\"a b\"@c.test", "<a@b.test>", "ä@b.test", "a@b.test, c@d.test"]
        {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
