//! Digest authentication with MD5 (RFC 2617, as RFC 3261 22.4 uses it).
//! Knows: challenges and answers. Must not: know whose password it is.

use std::fmt::Write;

use md5::{Digest, Md5};

/// What is authenticated.
pub struct Request<'m> {
    pub method: &'m str,
    pub uri: &'m str,
    pub body: &'m str,
}

/// A server's challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Option<String>,
    quality: Option<Quality>,
}

/// What the digest protects (qop).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quality {
    Auth,
    AuthInt,
}

impl Quality {
    fn as_str(self) -> &'static str {
        match self {
            Quality::Auth => "auth",
            Quality::AuthInt => "auth-int",
        }
    }
}

impl Challenge {
    /// Reads the value of WWW-Authenticate or Proxy-Authenticate.
    ///
    /// # Errors
    /// It is none that can be answered, in a sentence.
    pub fn read(value: &str) -> Result<Challenge, String> {
        let parameters = parameters(value).ok_or_else(|| format!("\"{value}\" is no Digest challenge"))?;
        let of = |name| get(&parameters, name).map(str::to_owned);
        let algorithm = of("algorithm");
        if let Some(other) = algorithm.as_deref().filter(|name| !name.eq_ignore_ascii_case("MD5")) {
            return Err(format!("a challenge asks for {other}; only MD5 is known here"));
        }
        let offered = of("qop").unwrap_or_default();
        let offers = |quality| offered.split(',').any(|each| each.trim().eq_ignore_ascii_case(quality));
        let quality = match (offers("auth"), offers("auth-int")) {
            (true, _) => Some(Quality::Auth),
            (false, true) => Some(Quality::AuthInt),
            (false, false) => None,
        };
        let missing = |name: &str| format!("a challenge has no {name}");
        Ok(Challenge {
            realm: of("realm").ok_or_else(|| missing("realm"))?,
            nonce: of("nonce").ok_or_else(|| missing("nonce"))?,
            opaque: of("opaque"),
            algorithm,
            quality,
        })
    }

    /// The value of (Proxy-)Authorization. `count`: how often the nonce was used, with this time.
    pub fn answer(&self, username: &str, password: &str, request: &Request, cnonce: &str, count: u32) -> String {
        let Challenge { realm, nonce, .. } = self;
        let count = format!("{count:08x}");
        let quality = self.quality.map(|quality| (quality, count.as_str(), cnonce));
        let response = response((username, realm, password), nonce, quality, request);
        let uri = request.uri;
        let mut answer = format!(
            "Digest username=\"{username}\",realm=\"{realm}\",nonce=\"{nonce}\",uri=\"{uri}\",response=\"{response}\""
        );
        // writing to a String does not fail
        let _ = write!(answer, ",algorithm={}", self.algorithm.as_deref().unwrap_or("MD5"));
        if let Some((quality, count, cnonce)) = quality {
            let _ = write!(answer, ",cnonce=\"{cnonce}\",qop={},nc={count}", quality.as_str());
        }
        if let Some(opaque) = &self.opaque {
            let _ = write!(answer, ",opaque=\"{opaque}\"");
        }
        answer
    }
}

/// Whether the value of an Authorization header shows that its sender knows the password.
pub fn verify(value: &str, username: &str, password: &str, request: &Request) -> bool {
    let Some(parameters) = parameters(value) else { return false };
    let of = |name| get(&parameters, name).unwrap_or_default();
    let quality = match of("qop") {
        "auth" => Some((Quality::Auth, of("nc"), of("cnonce"))),
        "auth-int" => Some((Quality::AuthInt, of("nc"), of("cnonce"))),
        _ => None,
    };
    let request = Request { uri: of("uri"), ..*request };
    let expected = response((username, of("realm"), password), of("nonce"), quality, &request);
    of("username") == username && expected.eq_ignore_ascii_case(of("response"))
}

fn response(
    (username, realm, password): (&str, &str, &str),
    nonce: &str,
    quality: Option<(Quality, &str, &str)>,
    request: &Request,
) -> String {
    let who = md5(&format!("{username}:{realm}:{password}"));
    let Request { method, uri, body } = request;
    match quality {
        None => md5(&format!("{who}:{nonce}:{}", md5(&format!("{method}:{uri}")))),
        Some((quality, count, cnonce)) => {
            let what = match quality {
                Quality::Auth => md5(&format!("{method}:{uri}")),
                Quality::AuthInt => md5(&format!("{method}:{uri}:{}", md5(body))),
            };
            md5(&format!("{who}:{nonce}:{count}:{cnonce}:{}:{what}", quality.as_str()))
        }
    }
}

fn md5(text: &str) -> String {
    let mut hex = String::with_capacity(32);
    for octet in Md5::digest(text.as_bytes()) {
        // writing to a String does not fail
        let _ = write!(hex, "{octet:02x}");
    }
    hex
}

fn get<'p>(parameters: &'p [(String, String)], name: &str) -> Option<&'p str> {
    parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// `name=value` and `name="value"` behind `Digest`.
fn parameters(value: &str) -> Option<Vec<(String, String)>> {
    let scheme = value.trim_start().get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("Digest "))?;
    let mut rest = value.trim_start().strip_prefix(scheme)?;
    let mut parameters = Vec::new();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',', '\t', '\r', '\n']).to_owned();
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        parameters.push((name, value.trim().to_owned()));
        rest = left;
    }
    Some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2617 3.5.
    const CHALLENGE: &str = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
        nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
    const REQUEST: Request = Request { method: "GET", uri: "/dir/index.html", body: "" };

    #[test]
    fn the_example_of_the_rfc_is_answered_and_verified() {
        let challenge = Challenge::read(CHALLENGE).unwrap();
        let answer = challenge.answer("Mufasa", "Circle Of Life", &REQUEST, "0a4f113b", 1);
        assert!(answer.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{answer}");
        assert!(verify(&answer, "Mufasa", "Circle Of Life", &REQUEST));
        assert!(!verify(&answer, "Mufasa", "circle of life", &REQUEST));
        assert!(!verify(&answer, "Simba", "Circle Of Life", &REQUEST));
        assert!(!verify("Basic abc", "Mufasa", "Circle Of Life", &REQUEST));
    }

    #[test]
    fn what_cannot_be_answered_is_said() {
        let said = |value| Challenge::read(value).unwrap_err();
        assert_eq!(said("Basic realm=\"a\""), "\"Basic realm=\"a\"\" is no Digest challenge");
        assert_eq!(said("Digest realm=\"a\""), "a challenge has no nonce");
        let sha = "Digest realm=\"a\",nonce=\"b\",algorithm=SHA-256";
        assert_eq!(said(sha), "a challenge asks for SHA-256; only MD5 is known here");
    }
}
