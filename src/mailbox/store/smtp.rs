//! The SMTP store: hands each letter to a mail server (RFC 5321, 3207 STARTTLS, 4954 AUTH) over connections it keeps.
//! Knows: one server and how to reach it. Must not: retry; what the server said goes back to the schedule.

use std::time::Duration;

use lettre::address::{Address, Envelope};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{self, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::{Attempt, DeliveryError, Letter, MailboxStore};

#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Name or address of the server; with TLS the certificate must have this name.
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// User and password; the server chooses between AUTH PLAIN and LOGIN.
    pub credentials: Option<(String, String)>,
    /// What we call ourselves in EHLO.
    pub hello_name: String,
    /// Envelope sender: where reports of mail that cannot be delivered go. `None`: nowhere (`<>`).
    pub return_path: Option<String>,
    /// Limit for connecting and for each command.
    pub timeout: Duration,
    /// Certificates (PEM) to trust beside those of the system.
    pub root_certificates: Vec<Vec<u8>>,
    /// Connections at once, and so deliveries at once.
    pub connections: u32,
}

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Never encrypted; for a server on this machine.
    Unprotected,
    /// STARTTLS when the server offers it.
    Opportunistic,
    /// STARTTLS or no delivery.
    StartTls,
    /// TLS from the first octet (port 465, RFC 8314).
    Tls,
}

pub struct SmtpStore {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    /// For error texts: `host:port`.
    server: String,
    return_path: Option<Address>,
}

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SmtpSettingsError {
    #[error("return path {address:?} is not a mail address: {source}")]
    ReturnPath { address: String, source: lettre::address::AddressError },
    #[error("TLS for mail server {server}: {source}")]
    Tls { server: String, source: smtp::Error },
}

impl SmtpStore {
    pub fn new(settings: SmtpSettings) -> Result<Self, SmtpSettingsError> {
        let server = format!("{}:{}", settings.host, settings.port);
        let tls = match settings.security {
            Security::Unprotected => Tls::None,
            security => {
                let parameters = tls_parameters(&settings)
                    .map_err(|source| SmtpSettingsError::Tls { server: server.clone(), source })?;
                match security {
                    Security::Opportunistic => Tls::Opportunistic(parameters),
                    Security::StartTls => Tls::Required(parameters),
                    _ => Tls::Wrapper(parameters),
                }
            }
        };
        let return_path = settings
            .return_path
            .map(|address| address.parse().map_err(|source| SmtpSettingsError::ReturnPath { address, source }))
            .transpose()?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host)
            .port(settings.port)
            .tls(tls)
            .hello_name(ClientId::Domain(settings.hello_name))
            .timeout(Some(settings.timeout))
            .pool_config(PoolConfig::new().max_size(settings.connections.max(1)).idle_timeout(KEEP_IDLE));
        if let Some((user, password)) = settings.credentials {
            builder = builder
                .credentials(Credentials::new(user, password))
                .authentication(vec![Mechanism::Plain, Mechanism::Login]);
        }
        Ok(Self { transport: builder.build(), server, return_path })
    }

    async fn send(&self, letter: Letter) -> Result<(), DeliveryError> {
        let address = &letter.to.address;
        let to = address.parse().map_err(|error| {
            DeliveryError::permanent(format!("mailbox {}: {address:?} is not a mail address: {error}", letter.to.alias))
        })?;
        let envelope = Envelope::new(self.return_path.clone(), vec![to])
            .map_err(|error| DeliveryError::permanent(error.to_string()))?;
        match self.transport.send_raw(&envelope, &letter.bytes).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.explain(&error)),
        }
    }

    fn explain(&self, error: &smtp::Error) -> DeliveryError {
        let text = format!("mail server {}: {}", self.server, with_causes(error));
        if error.is_permanent() && !error.status().is_some_and(concerns_the_account) {
            DeliveryError::permanent(text)
        } else {
            DeliveryError::temporary(text)
        }
    }
}

impl MailboxStore for SmtpStore {
    fn deliver(&self, letter: Letter) -> Attempt<'_> {
        Box::pin(self.send(letter))
    }
}

fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters, smtp::Error> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    for pem in &settings.root_certificates {
        builder = builder.add_root_certificate(Certificate::from_pem(pem)?);
    }
    builder.build_rustls()
}

/// 530, 534, 535, 538 (RFC 4954 6) refuse us, not the letter: an administrator corrects the password, and every
/// letter must still be there.
fn concerns_the_account(code: smtp::response::Code) -> bool {
    matches!(u16::from(code), 530 | 534 | 535 | 538)
}

/// The error and all that led to it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let detail = error.to_string();
        if !text.contains(&detail) {
            text = format!("{text}: {detail}");
        }
        cause = error.source();
    }
    text
}

/// How long a connection that nobody uses is kept open.
const KEEP_IDLE: Duration = Duration::from_secs(60);
