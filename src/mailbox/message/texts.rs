//! What a message says, in each language: a table a translator can fill in.
//! Knows: words. Must not: know calls.

/// The words of one language. `{caller}` and `{duration}` are replaced.
#[derive(Debug)]
pub struct Texts {
    /// RFC 5646 tag.
    pub language: &'static str,
    pub voice_mail_subject: &'static str,
    pub missed_call_subject: &'static str,
    pub voice_mail_opening: &'static str,
    pub missed_call_opening: &'static str,
    pub anonymous: &'static str,
    /// For a file name: ASCII, no blanks at the ends.
    pub anonymous_file: &'static str,
    pub voice_mail_file: &'static str,
    pub caller: &'static str,
    pub called: &'static str,
    pub received: &'static str,
    /// strftime, with the offset from UTC.
    pub when: &'static str,
    pub length: &'static str,
    pub importance: &'static str,
    pub high: &'static str,
    pub sensitivity: &'static str,
    pub private: &'static str,
    pub attached: &'static str,
    /// One and many of hours, minutes, seconds.
    units: [(&'static str, &'static str); 3],
}

impl Texts {
    /// The words of `language`, or of the nearest there is.
    pub fn of(language: &str) -> &'static Texts {
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let exact = ALL.into_iter().find(|texts| texts.language.eq_ignore_ascii_case(language));
        let near = || ALL.into_iter().find(|texts| primary(texts.language) == primary(language));
        exact.or_else(near).unwrap_or(&EN_US)
    }

    /// `1 minute 5 seconds`; parts that are zero are left out.
    pub fn in_words(&self, seconds: u64) -> String {
        let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60];
        let words: Vec<String> = parts
            .iter()
            .zip(self.units)
            .filter(|(count, _)| **count > 0)
            .map(|(count, (one, many))| format!("{count} {}", if *count == 1 { one } else { many }))
            .collect();
        if words.is_empty() { format!("0 {}", self.units[2].1) } else { words.join(" ") }
    }
}

static ALL: [&Texts; 1] = [&EN_US];

static EN_US: Texts = Texts {
    language: "en-US",
    voice_mail_subject: "Voice Mail from {caller} ({duration})",
    missed_call_subject: "Missed Call from {caller}",
    voice_mail_opening: "You received a voice mail from {caller}.",
    missed_call_opening: "You missed a call from {caller}. The caller left no message.",
    anonymous: "an anonymous caller",
    anonymous_file: "anonymous",
    voice_mail_file: "voice mail",
    caller: "From",
    called: "Called",
    received: "Received",
    when: "%A, %B %-d, %Y, %-I:%M %p (UTC%:z)",
    length: "Length",
    importance: "Importance",
    high: "High",
    sensitivity: "Sensitivity",
    private: "Private. The caller asks you not to pass this message on.",
    attached: "The message is attached as a sound file.",
    units: [("hour", "hours"), ("minute", "minutes"), ("second", "seconds")],
};
