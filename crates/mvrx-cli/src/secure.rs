//! Encrypted sessions on the command line: the host's certificate, and whom a client takes for the host.

use std::collections::BTreeSet;
use std::env::VarError;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use console::Term;
use mvrx_station::tls::{ClientTls, Fingerprint, ServerTls};
use mvrx_station::{
    Builder, Login, Password, WsUrl, load_or_make_certificate, secure_session_url, session_url,
    url_without_user, wants_password,
};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::failure::Failure;
use crate::session::PORT;
use crate::show;

/// How a client knows the host of a session.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Reaching {
    /// Take exactly this certificate for the host of a session at wss://, whoever signed it and whatever its dates: the fingerprint that
    /// `mvrx host --tls` shows (may be repeated, for hosts with certificates of their own; a password is told to each of them)
    #[arg(long, value_name = "sha256:HEX", conflicts_with = "ca")]
    pin: Vec<Fingerprint>,
    /// Take a certificate for the host that one of the authorities in this file vouches for (PEM), rather than one of this machine's system
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    secret: Secret,
}

/// A session's password. It is no argument, since everybody on a machine may see those.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Secret {
    /// The session's password is the first line of this file; without it, the environment variable MVRX_PASSWORD
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Use the password also at ws://, where everybody on the way can read it
    #[arg(long)]
    password_in_the_clear: bool,
}

/// The passwords of sessions into which a station may be led.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Onward {
    /// The password of the session at this URL, into which this command may move, is the first line of this file (may be repeated); its host alone
    /// is told it
    #[arg(long, value_names = ["URL", "FILE"], num_args = 2)]
    password_at: Vec<String>,
}

impl Onward {
    /// A station that knows them.
    // req: PWD-10
    pub(crate) fn apply(&self, mut builder: Builder, reaching: &Reaching) -> Result<Builder, Failure> {
        for at in self.password_at.chunks_exact(2) {
            let [text, file] = at else { continue };
            let url = reaching.full(text);
            let url = url.parse::<WsUrl>().map_err(|error| {
                Failure::usage(format!("--password-at {}: {error}", show::tame(&url_without_user(&url))))
            })?;
            let in_the_clear = reaching.secret.password_in_the_clear;
            let secret = Secret { password_file: Some(file.into()), password_in_the_clear: in_the_clear };
            if let Some(password) = secret.password(url.is_secure())? {
                let login = Login::at(password, &url);
                builder = builder.login(if in_the_clear { login.in_the_clear() } else { login });
            }
        }
        Ok(builder)
    }
}

impl Secret {
    /// Whether there is one, without reading it.
    fn is_given(&self) -> bool {
        self.password_file.is_some() || std::env::var_os("MVRX_PASSWORD").is_some()
    }

    /// Whether passwords may go where others can read them.
    pub(crate) fn in_the_clear(&self) -> bool {
        self.password_in_the_clear
    }

    /// The password, if there is one. `encrypted`: nobody on the way can read it.
    // req: PWD-05
    pub(crate) fn password(&self, encrypted: bool) -> Result<Option<Password>, Failure> {
        let (text, from) = match &self.password_file {
            Some(path) => {
                let text = String::from_utf8(read_secret(path)?);
                let text = text.map_err(|_| Failure::usage(format!("{} is no text", path.display())))?;
                (first_line(&text, path), path.display().to_string())
            }
            None => match std::env::var("MVRX_PASSWORD") {
                Ok(text) => (text, "MVRX_PASSWORD".to_owned()),
                Err(VarError::NotPresent) => return Ok(None),
                Err(VarError::NotUnicode(_)) => {
                    return Err(Failure::usage("MVRX_PASSWORD is no text: a password is UTF-8"));
                }
            },
        };
        let password = Password::new(text).map_err(|error| Failure::usage(format!("{from}: {error}")))?;
        if !encrypted && !self.password_in_the_clear {
            return Err(Failure::usage(
                "everybody on the way could read the password at ws://: encrypt the session (wss://, mvrx host --tls), or say \
                 --password-in-the-clear",
            ));
        }
        Ok(Some(password))
    }
}

impl Reaching {
    /// The URL as typed; of a bare name what the other words mean.
    pub(crate) fn full(&self, text: &str) -> String {
        if self.by_certificate() { secure_session_url(text, PORT) } else { session_url(text, PORT) }
    }

    /// The same, of the only session that this command reaches: it has to be the certificate's.
    pub(crate) fn url(&self, text: &str) -> Result<String, Failure> {
        let url = self.full(text);
        if self.by_certificate() && is_plain(&url) {
            return Err(Failure::usage(format!(
                "{} is not encrypted, and shows no certificate for --pin or --ca to check: the URL has to begin with wss://",
                url_without_user(&url)
            )));
        }
        Ok(url)
    }

    /// A session that is found is whoever announces one: a password would be told to him. A pin says which host it is.
    // req: PWD-12
    pub(crate) fn may_be_found(&self) -> Result<(), Failure> {
        if self.pin.is_empty() && self.secret.is_given() {
            return Err(Failure::usage(
                "--host auto takes the session that is announced here, whoever announces it, and would tell him the password: say which host it is by \
                 --pin, or say its URL",
            ));
        }
        Ok(())
    }

    /// The same, of the first of several sessions: the certificate may be a later one's. Says so where it is.
    // req: PWD-10
    pub(crate) fn first_url(&self, text: &str) -> String {
        let url = self.full(text);
        if self.by_certificate() && is_plain(&url) {
            show::note(&format!(
                "{} is not encrypted; --pin and --ca are for a session to which this one may move",
                show::tame(&url_without_user(&url))
            ));
        }
        url
    }

    fn by_certificate(&self) -> bool {
        !self.pin.is_empty() || self.ca.is_some()
    }

    /// A station that reaches its session in this way, and those into which others lead it. `said`: a person at this machine named the URL; where
    /// others led the station there, or it is in no session yet, the certificate alone says who is told the password.
    // req: PWD-10
    pub(crate) fn apply(
        &self,
        builder: Builder,
        (url, said): (Option<&str>, bool),
    ) -> Result<Builder, Failure> {
        let builder = builder.trust(self.trust()?);
        let for_later = !self.pin.is_empty() && url.is_some_and(|url| self.keeps_from(url));
        let login = match url {
            Some(url) if said && !for_later => self.login(url)?,
            _ => self.login_by_pin(url)?,
        };
        Ok(match login {
            Some(login) => builder.login(login),
            None => builder,
        })
    }

    /// Whether no password is said there, since everybody on the way could read it.
    pub(crate) fn keeps_from(&self, url: &str) -> bool {
        is_plain(url) && !self.secret.in_the_clear()
    }

    /// The password for whoever has the pinned certificate.
    fn login_by_pin(&self, led_to: Option<&str>) -> Result<Option<Login>, Failure> {
        match self.pin.as_slice() {
            [_, ..] => {
                if let Some(password) = self.secret.password(true)? {
                    return Ok(Some(Login::pinned(password)));
                }
            }
            [] if self.secret.password_file.is_some() => {
                return Err(Failure::usage(
                    "nobody would be told the password: say whose it is, by the session's URL (--host) or, where others may lead into it, by \
                     the host's certificate (--pin)",
                ));
            }
            [] => {}
        }
        // Who sits at the terminal reads whose it is to be.
        let Some(url) = led_to.and_then(|url| url.parse::<WsUrl>().ok()) else { return Ok(None) };
        Ok(self.asked_for(&url)?.map(|password| self.to_host(password, &url)))
    }

    /// What the host at this URL is told.
    pub(crate) fn login(&self, url: &str) -> Result<Option<Login>, Failure> {
        // What is no URL is told where it is used.
        let Ok(url) = url.parse::<WsUrl>() else { return Ok(None) };
        let said = self.secret.password(url.is_secure())?;
        let Some(password) = said.map_or_else(|| self.asked_for(&url), |said| Ok(Some(said)))? else {
            return Ok(None);
        };
        Ok(Some(self.to_host(password, &url)))
    }

    fn to_host(&self, password: Password, url: &WsUrl) -> Login {
        let login = Login::new(password, url);
        if self.secret.password_in_the_clear { login.in_the_clear() } else { login }
    }

    /// Where somebody sits at a terminal, and the host wants a password: what they type, unseen.
    // req: PWD-09
    fn asked_for(&self, url: &WsUrl) -> Result<Option<Password>, Failure> {
        let terminal = Term::stderr();
        let may_be_told = url.is_secure() || self.secret.password_in_the_clear;
        if !may_be_told || !terminal.is_term() || !std::io::stdin().is_terminal() {
            return Ok(None);
        }
        let (at, trust) = (url.clone(), self.trust()?);
        // Nothing runs yet; a thread, since our own may be in the middle of a runtime.
        let asking = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            Some(runtime.block_on(wants_password(&at, &trust)))
        });
        if asking.join().ok().flatten() != Some(true) {
            return Ok(None);
        }
        let failed = |error: std::io::Error| Failure::local(format!("cannot read the password: {error}"));
        terminal.write_str(&format!("Password of the session at {url}: ")).map_err(failed)?;
        let typed = terminal.read_secure_line().map_err(failed)?;
        Password::new(typed).map(Some).map_err(|error| Failure::usage(error.to_string()))
    }

    /// Whom to take for the host.
    pub(crate) fn trust(&self) -> Result<ClientTls, Failure> {
        match (self.pin.as_slice(), &self.ca) {
            (pins @ [_, ..], _) => {
                ClientTls::pinned_any(pins.iter().copied()).map_err(|error| Failure::local(error.to_string()))
            }
            ([], Some(ca)) => {
                let text = read(ca)?;
                ClientTls::authorities(&text).map_err(|error| unusable(ca, &error))
            }
            ([], None) => Ok(ClientTls::default()),
        }
    }
}

/// The certificate of a host.
#[derive(Debug, clap::Args)]
pub(crate) struct Certified {
    /// Encrypt the session: stations reach it at wss://. Makes a certificate at the first start and keeps it in the data directory; stations know
    /// it by its fingerprint (--pin)
    #[arg(long, conflicts_with_all = ["cert", "key"])]
    tls: bool,
    /// Encrypt the session with this certificate (PEM, behind it those that lead to its authority)
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of --cert (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) secret: Secret,
}

impl Certified {
    /// Whether the session is to be encrypted.
    pub(crate) fn is_wished(&self) -> bool {
        self.tls || self.cert.is_some()
    }

    /// What the host shows; `None`: the session is not encrypted.
    pub(crate) fn certificate(&self, data: &Path) -> Result<Option<ServerTls>, Failure> {
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            let (chain, secret) = (read(cert)?, read_secret(key)?);
            return ServerTls::from_pem(&chain, &secret).map(Some).map_err(|error| unusable(cert, &error));
        }
        if !self.tls {
            return Ok(None);
        }
        load_or_make_certificate(data).map(Some).map_err(|error| Failure::local(error.to_string()))
    }
}

pub(crate) fn is_plain(url: &str) -> bool {
    url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("ws://"))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
}

/// The same of what is to stay secret; says so where others can read it.
// req: PWD-14
fn read_secret(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = read(path)?;
    tell_if_others_can_read(path);
    Ok(bytes)
}

/// A file of secrets that others can read is told of, and used.
// req: PWD-14
pub(crate) fn tell_if_others_can_read(path: &Path) {
    if others_can_read(path) {
        once(format!(
            "{} can be read by others on this machine: chmod 600 makes it yours alone",
            show::tame(&path.display().to_string())
        ));
    }
}

/// The first line of a file, without the mark that some editors begin it with. Blanks around it count, which is told: they are not seen.
// req: PWD-14
fn first_line(text: &str, path: &Path) -> String {
    let line = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    if line.trim() != line && !line.trim().is_empty() {
        let path = show::tame(&path.display().to_string());
        once(format!("the password in {path} has blanks before or behind it, and they are part of it"));
    }
    line.to_owned()
}

/// A command may read a file more than once.
fn once(text: String) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if !told.contains(&text) {
        show::note(&text);
        told.insert(text);
    }
}

/// A pipe, as a shell makes it for one command, is nobody else's.
#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|of| of.is_file() && of.permissions().mode() & 0o044 != 0)
}

/// Elsewhere a user's own directory is for that user alone.
#[cfg(not(unix))]
fn others_can_read(_path: &Path) -> bool {
    false
}

fn unusable(path: &Path, error: &mvrx_station::tls::CertificateError) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
}

/// What a station types, for a camera to read: two squares a letter, four squares of margin. `None`: it is too long for one.
pub(crate) fn qr(url: &str, fingerprint: Fingerprint) -> Option<String> {
    let code = QrCode::new(typed(url, fingerprint)).ok()?;
    // Terminals are dark more often than not; what is light is drawn.
    Some(code.render::<Dense1x2>().dark_color(Dense1x2::Dark).light_color(Dense1x2::Light).build())
}

/// What reaches the session from the command line.
pub(crate) fn typed(url: &str, fingerprint: Fingerprint) -> String {
    format!("--host {url} --pin {fingerprint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_pin_means_tls() {
        let pin = Reaching { pin: vec![PIN.parse().unwrap()], ..Reaching::default() };
        assert_eq!(pin.url("rack.local").unwrap(), "wss://rack.local:42480/");
        assert_eq!(pin.url("wss://rack.local/").unwrap(), "wss://rack.local/");
        assert!(pin.url("ws://rack.local/").unwrap_err().words().contains("not encrypted"));
        assert_eq!(Reaching::default().url("rack.local").unwrap(), "ws://rack.local:42480/");
        assert_eq!(Reaching::default().url("WSS://rack.local/").unwrap(), "WSS://rack.local/");
    }

    #[test]
    // proves: TLS-13
    fn the_code_for_cameras_is_there_for_every_url_that_can_be_one() {
        let pin = PIN.parse().unwrap();
        let code = qr("wss://192.168.100.200:42480/", pin).unwrap();
        let widths: Vec<_> = code.lines().map(|line| line.chars().count()).collect();
        // A square with its margin: two rows of it are one line.
        assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}");
        assert_eq!(widths.len(), widths[0].div_ceil(2));
        let long = format!("wss://rack.example/{}", "a".repeat(980));
        assert!(qr(&long, pin).is_some());
    }
}
