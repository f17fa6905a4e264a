//! Texts with `[keywords]` in them: messages to send, and the arguments of actions.
//! Knows: every keyword. Must not: know what a call puts in their place.

use super::super::fault::Fault;
use super::super::value::Variable;
use super::names::Names;

/// A text with places to fill.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template {
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text(String),
    Word(Keyword),
}

/// What is filled in. Offsets (`[media_port+2]`) are added.
#[derive(Debug, Clone, PartialEq)]
pub enum Keyword {
    Service,
    RemoteIp,
    RemoteHost,
    RemotePort(i64),
    LocalIp,
    LocalIpType,
    LocalPort(i64),
    Transport,
    MediaIp,
    MediaIpType,
    /// The same for every call.
    MediaPort(i64),
    /// Four apart for each call.
    AutoMediaPort(i64),
    /// A port of the call's own, which its stream is sent from.
    StreamPort(i64),
    CallId,
    CallNumber,
    DynamicId,
    Cseq(i64),
    Branch(i64),
    MessageIndex,
    Pid,
    Length(i64),
    Field(Field),
    /// The lines of that name in what was received last.
    Last(String),
    LastMessage,
    LastRequestUri,
    LastCseqNumber(i64),
    Routes,
    NextUrl,
    PeerTagParameter,
    Variable(Variable),
    Authentication(Box<Authentication>),
    UserId,
    Users,
    ClockTick,
    Timestamp,
    Date,
    Version,
    /// So many `X`.
    Fill(usize),
}

/// `[field0 file="users.csv" line="[$line]"]`
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub number: usize,
    /// The only one there is, if none is named.
    pub file: Option<String>,
    pub line: Option<Template>,
}

/// `[authentication username=… password=…]`
#[derive(Debug, Clone, PartialEq)]
pub struct Authentication {
    pub username: Template,
    pub password: Template,
}

/// What a keyword takes beside its name.
enum Takes {
    Nothing(Keyword),
    Offset(fn(i64) -> Keyword),
}

impl Template {
    /// Reads a text that begins in `line`.
    ///
    /// # Errors
    /// A keyword nobody knows.
    pub fn read(text: &str, line: usize, names: &mut Names) -> Result<Template, Fault> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('[') {
            let (before, from) = rest.split_at(at);
            literal.push_str(before);
            let here = line + text[..text.len() - from.len()].matches('\n').count();
            let Some(end) = closing(from) else {
                return Err(Fault::new(here, format!("\"{}\" is not closed by ]", first_line(from))));
            };
            let word = &from[1..end];
            match names.key(word) {
                Some(value) => literal.push_str(value),
                None => {
                    let keyword = keyword(word, here, names)?;
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Word(keyword));
                }
            }
            rest = &from[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Template { parts })
    }

    /// The same with the words filled in that `known` knows already. One that stands for nothing stays: its line may go.
    pub fn settled(&self, known: impl Fn(&Keyword) -> Option<String>) -> Template {
        let mut parts: Vec<Part> = Vec::new();
        for part in &self.parts {
            let text = match part {
                Part::Text(text) => Some(text.clone()),
                Part::Word(keyword) => known(keyword).filter(|text| !text.is_empty()),
            };
            match (text, parts.last_mut()) {
                (Some(text), Some(Part::Text(before))) => before.push_str(&text),
                (Some(text), _) => parts.push(Part::Text(text)),
                (None, _) => parts.push(part.clone()),
            }
        }
        Template { parts }
    }

    /// A message: lines without the blanks around them, header and body apart.
    ///
    /// # Errors
    /// It is empty, or has a keyword nobody knows.
    pub fn message(text: &str, line: usize, names: &mut Names) -> Result<Template, Fault> {
        let lead = text.len() - text.trim_start().len();
        let begins = line + text[..lead].matches('\n').count();
        if text.trim().is_empty() {
            return Err(Fault::new(line, "there is no message in it"));
        }
        let mut message = String::with_capacity(text.len() + 64);
        for each in text.trim().split('\n') {
            message.push_str(each.trim());
            message.push_str("\r\n");
        }
        if !message.contains("\r\n\r\n") {
            message.push_str("\r\n");
        }
        Template::read(&message, begins, names)
    }

    /// The first word, such as a request's method.
    pub fn first_word(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text.split_ascii_whitespace().next().unwrap_or_default(),
            Some(Part::Word(_)) | None => "",
        }
    }
}

/// Where the keyword that begins `text` ends; keywords may have keywords in them.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, sign) in text.char_indices() {
        match sign {
            '[' => depth += 1,
            ']' if depth == 1 => return Some(at),
            ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn keyword(word: &str, line: usize, names: &mut Names) -> Result<Keyword, Fault> {
    let unknown = || Fault::new(line, format!("[{word}] is no keyword that is known here"));
    if let Some(name) = word.strip_prefix('$') {
        return Ok(Keyword::Variable(names.variable(name)));
    }
    if let Some(field) = word.strip_prefix("field") {
        return field_of(field, line, names)?.map(Keyword::Field).ok_or_else(unknown);
    }
    if let Some(arguments) = word.strip_prefix("authentication") {
        return authentication(arguments, line, names);
    }
    if let Some(text) = word.strip_prefix("fill") {
        let length = argument(text, "text").or(argument(text, "length")).or(argument(text, "variable"));
        return length.and_then(|length| length.parse().ok()).map(Keyword::Fill).ok_or_else(unknown);
    }
    let (name, offset) = match word.rfind(['+', '-']) {
        Some(at) if word[at + 1..].chars().all(|sign| sign.is_ascii_digit()) && at + 1 < word.len() => {
            let offset = word[at..].trim_start_matches('+').parse().map_err(|_| unknown())?;
            (&word[..at], Some(offset))
        }
        _ => (word, None),
    };
    if let Some(takes) = simple(name) {
        return match (takes, offset) {
            (Takes::Nothing(keyword), None) => Ok(keyword),
            (Takes::Offset(keyword), offset) => Ok(keyword(offset.unwrap_or(0))),
            (Takes::Nothing(_), Some(_)) => Err(Fault::new(line, format!("[{name}] is no number to add to"))),
        };
    }
    match word.strip_prefix("last_") {
        Some(header) if is_token(header.trim_end_matches(':')) => {
            Ok(Keyword::Last(header.trim_end_matches(':').to_owned()))
        }
        _ => Err(unknown()),
    }
}

fn simple(name: &str) -> Option<Takes> {
    use Takes::{Nothing, Offset};
    Some(match name {
        "service" => Nothing(Keyword::Service),
        "remote_ip" => Nothing(Keyword::RemoteIp),
        "remote_host" => Nothing(Keyword::RemoteHost),
        "remote_port" => Offset(Keyword::RemotePort),
        "local_ip" | "server_ip" => Nothing(Keyword::LocalIp),
        "local_ip_type" => Nothing(Keyword::LocalIpType),
        "local_port" => Offset(Keyword::LocalPort),
        "transport" => Nothing(Keyword::Transport),
        "media_ip" => Nothing(Keyword::MediaIp),
        "media_ip_type" => Nothing(Keyword::MediaIpType),
        "media_port" => Offset(Keyword::MediaPort),
        "auto_media_port" => Offset(Keyword::AutoMediaPort),
        "rtpstream_audio_port" => Offset(Keyword::StreamPort),
        "call_id" => Nothing(Keyword::CallId),
        "call_number" => Nothing(Keyword::CallNumber),
        "dynamic_id" => Nothing(Keyword::DynamicId),
        "cseq" => Offset(Keyword::Cseq),
        "branch" => Offset(Keyword::Branch),
        "msg_index" => Nothing(Keyword::MessageIndex),
        "pid" => Nothing(Keyword::Pid),
        "len" => Offset(Keyword::Length),
        "last_message" => Nothing(Keyword::LastMessage),
        "last_Request_URI" => Nothing(Keyword::LastRequestUri),
        "last_cseq_number" => Offset(Keyword::LastCseqNumber),
        "routes" => Nothing(Keyword::Routes),
        "next_url" => Nothing(Keyword::NextUrl),
        "peer_tag_param" => Nothing(Keyword::PeerTagParameter),
        "userid" => Nothing(Keyword::UserId),
        "users" => Nothing(Keyword::Users),
        "clock_tick" => Nothing(Keyword::ClockTick),
        "timestamp" => Nothing(Keyword::Timestamp),
        "date" => Nothing(Keyword::Date),
        "sipp_version" => Nothing(Keyword::Version),
        _ => return None,
    })
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '-')
}

/// The value of `name=value` or `name="value"` among arguments.
fn argument<'a>(arguments: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = arguments.match_indices(name).map(|(at, _)| arguments.split_at(at)).find(|(before, after)| {
        let begins = before.is_empty() || before.ends_with([' ', '\t']);
        begins && after[name.len()..].trim_start().starts_with('=')
    })?;
    let value = after[name.len()..].trim_start().strip_prefix('=')?.trim_start();
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split([' ', '\t']).next(),
    }
}

fn field_of(text: &str, line: usize, names: &mut Names) -> Result<Option<Field>, Fault> {
    let digits = text.len() - text.trim_start_matches(|sign: char| sign.is_ascii_digit()).len();
    let Ok(number) = text[..digits].parse() else { return Ok(None) };
    let arguments = &text[digits..];
    if !arguments.is_empty() && !arguments.starts_with([' ', '\t']) {
        return Ok(None);
    }
    let file = argument(arguments, "file").map(str::to_owned);
    let at = argument(arguments, "line").map(|at| Template::read(at, line, names)).transpose()?;
    Ok(Some(Field { number, file, line: at }))
}

fn authentication(arguments: &str, line: usize, names: &mut Names) -> Result<Keyword, Fault> {
    for refused in ["aka_K", "aka_OP", "aka_AMF"] {
        if argument(arguments, refused).is_some() {
            return Err(Fault::new(line, format!("[authentication {refused}=…]: only Digest with MD5 is known here")));
        }
    }
    // without arguments: the keys of that name, else what is called
    let mut read = |name: &str, otherwise: &str| {
        let key = names.key(name).map(str::to_owned);
        let value = argument(arguments, name).map(str::to_owned).or(key);
        Template::read(&value.unwrap_or_else(|| otherwise.to_owned()), line, names)
    };
    let (username, password) = (read("username", "[service]")?, read("password", "password")?);
    Ok(Keyword::Authentication(Box::new(Authentication { username, password })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Part>, String> {
        let mut names = Names::new([("pbx".to_owned(), "gw".to_owned())].into());
        Template::read(text, 7, &mut names).map(|read| read.parts).map_err(|fault| fault.to_string())
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    #[test]
    fn keywords_and_what_is_between_them() {
        let parts = read("m=audio [media_port+2] [pbx][len]\n[last_Via:]").unwrap();
        let word = |keyword| Part::Word(keyword);
        let expected = [
            text("m=audio "),
            word(Keyword::MediaPort(2)),
            text(" gw"),
            word(Keyword::Length(0)),
            text("\n"),
            word(Keyword::Last("Via".to_owned())),
        ];
        assert_eq!(parts, expected);
        assert_eq!(read("[branch-3]").unwrap(), [word(Keyword::Branch(-3))]);
        assert_eq!(read("[last_Call-ID]").unwrap(), [word(Keyword::Last("Call-ID".to_owned()))]);
        let field = Field { number: 12, file: Some("a b.csv".to_owned()), line: None };
        assert_eq!(read("[field12 file=\"a b.csv\"]").unwrap(), [word(Keyword::Field(field))]);
        let line = Template { parts: vec![word(Keyword::Variable(Variable(0)))] };
        let field = Field { number: 0, file: None, line: Some(line) };
        assert_eq!(read("[field0 line=\"[$at]\"]").unwrap(), [word(Keyword::Field(field))]);
    }

    #[test]
    fn what_nobody_knows_is_refused_by_its_name_and_line() {
        for (given, said) in [
            ("a\n[nothing]", "line 8: [nothing] is no keyword that is known here"),
            ("[fieldx]", "line 7: [fieldx] is no keyword that is known here"),
            ("[call_id+1]", "line 7: [call_id] is no number to add to"),
            ("x [call_id", "line 7: \"[call_id\" is not closed by ]"),
            ("[authentication aka_K=1]", "line 7: [authentication aka_K=…]: only Digest with MD5 is known here"),
        ] {
            assert_eq!(read(given).unwrap_err(), said);
        }
    }

    #[test]
    fn a_message_has_lines_without_blanks_and_an_end_of_its_header() {
        let mut names = Names::default();
        let message =
            |given: &str, names: &mut Names| match Template::message(given, 1, names).unwrap().parts.as_slice() {
                [Part::Text(text)] => text.clone(),
                parts => panic!("{parts:?}"),
            };
        assert_eq!(message("\n   ACK x\n  A: b \n\n ", &mut names), "ACK x\r\nA: b\r\n\r\n");
        assert_eq!(message("\n I x\n A: b\n\n  v=0\n  s=-\n\n", &mut names), "I x\r\nA: b\r\n\r\nv=0\r\ns=-\r\n");
        assert_eq!(
            Template::message("\n \n", 3, &mut names).unwrap_err().to_string(),
            "line 3: there is no message in it"
        );
    }
}
