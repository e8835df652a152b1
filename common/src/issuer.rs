//! The issuer of access tokens: who it is, and where its keys are.

use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::secrets::{Secret, Source};
use crate::settings::Settings;

/// Where an issuer publishes its keys unless it says otherwise, below its own address.
const USUAL_JWKS_PATH: &str = ".well-known/jwks.json";

/// Shortest secret for HS256: RFC 7518 wants as many bits as the hash has.
const LEAST_SECRET_BYTES: usize = 32;

/// Which tokens are accepted.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// The `iss` of every token, character for character.
    pub issuer: String,
    /// A token must name one of these.
    pub audience: Vec<String>,
    /// Where the issuer's public keys are.
    pub jwks_url: Url,
    /// The secret that the issuer shares with us, if it signs with one.
    pub secret: Option<Source<JwtSecret>>,
}

impl IssuerConfig {
    /// Reads `JWT_ISSUER`, `JWT_AUDIENCE`, `JWKS_URL`, and `JWT_SECRET` or `JWT_SECRET_PARAMETER`.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        let issuer = settings.required("JWT_ISSUER");
        let audience = settings.required("JWT_AUDIENCE");
        let jwks_url = jwks_url(settings, issuer.as_deref());
        let has_secret = ["JWT_SECRET", "JWT_SECRET_PARAMETER"].map(|name| settings.optional(name).is_some());
        let secret = match has_secret.contains(&true) {
            true => Source::load(settings, "JWT_SECRET").map(Some),
            false => Some(None),
        };
        let audience = audience?;
        let audience = audience.split(',').map(str::trim).filter(|audience| !audience.is_empty());
        Some(Self {
            audience: audience.map(str::to_owned).collect(),
            issuer: issuer?,
            jwks_url: jwks_url?,
            secret: secret?,
        })
    }
}

/// `JWKS_URL`, or the usual place below the issuer.
fn jwks_url(settings: &mut Settings<'_>, issuer: Option<&str>) -> Option<Url> {
    let (name, text) = match settings.optional("JWKS_URL") {
        Some(text) => ("JWKS_URL", text),
        None => ("JWT_ISSUER", format!("{}/{USUAL_JWKS_PATH}", issuer?.trim_end_matches('/'))),
    };
    let url = Url::parse(&text).ok().filter(cannot_be_changed_on_the_way);
    if url.is_none() {
        settings.fault(format!("{name} must be an https URL, or an http one of this machine"));
    }
    url
}

/// Keys fetched over plain HTTP could be replaced, and with them anybody could sign in as anybody.
fn cannot_be_changed_on_the_way(url: &Url) -> bool {
    let is_this_machine = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_this_machine)
}

/// The secret with which an issuer signs HS256 tokens.
#[derive(Debug, Clone)]
pub struct JwtSecret(SecretString);

impl Secret for JwtSecret {
    const FORM: &'static str = "must hold the issuer's secret, at least 32 bytes";

    /// Accepts the secret with white space around it, such as a line break that was pasted with it.
    fn parse(text: SecretString) -> Option<Self> {
        let secret = text.expose_secret().trim();
        (secret.len() >= LEAST_SECRET_BYTES).then(|| Self(secret.into()))
    }
}

impl JwtSecret {
    pub fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{SettingsError, load};

    fn issuer(pairs: &[(&str, &str)]) -> Result<IssuerConfig, SettingsError> {
        let lookup = |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned());
        load(&lookup, IssuerConfig::load)
    }

    #[test]
    fn the_keys_are_below_the_issuer_unless_they_are_elsewhere() {
        let jwks_url = |name: &str, url: &str| {
            let settings = [("JWT_ISSUER", name), ("JWT_AUDIENCE", "app"), ("JWKS_URL", url)];
            issuer(&settings).map(|issuer| issuer.jwks_url.to_string())
        };
        let supabase = "https://abc.supabase.co/auth/v1/.well-known/jwks.json";
        assert_eq!(jwks_url("https://abc.supabase.co/auth/v1", "").unwrap(), supabase);
        assert_eq!(jwks_url("https://abc.supabase.co/auth/v1/", "").unwrap(), supabase);
        assert_eq!(jwks_url("accounts", "https://keys.test/k").unwrap(), "https://keys.test/k");
        assert_eq!(jwks_url("accounts", "http://127.0.0.1:9/k").unwrap(), "http://127.0.0.1:9/k");
        for (issuer, url, fault) in [
            ("http://issuer.test", "", "JWT_ISSUER must be an https URL"),
            ("accounts", "", "JWT_ISSUER must be an https URL"),
            ("https://issuer.test", "http://keys.test", "JWKS_URL must be an https URL"),
        ] {
            assert!(jwks_url(issuer, url).unwrap_err().to_string().contains(fault), "{issuer} {url}");
        }
    }

    #[test]
    fn issuer_and_audience_are_needed_and_a_secret_is_not() {
        assert_eq!(
            issuer(&[]).unwrap_err().to_string(),
            "the configuration is unusable: JWT_ISSUER is not set; JWT_AUDIENCE is not set"
        );
        let asked = [("JWT_ISSUER", "https://issuer.test"), ("JWT_AUDIENCE", "app, admin")];
        let config = issuer(&asked).unwrap();
        assert_eq!((config.audience, config.secret.is_none()), (vec!["app".into(), "admin".into()], true));
    }

    #[test]
    fn a_short_secret_is_refused_and_never_shown() {
        let asked = [("JWT_ISSUER", "https://issuer.test"), ("JWT_AUDIENCE", "app")];
        let error = issuer(&[asked[0], asked[1], ("JWT_SECRET", "too-short")]).unwrap_err().to_string();
        assert!(error.contains("JWT_SECRET must hold") && !error.contains("too-short"), "{error}");
        let config = issuer(&[asked[0], asked[1], ("JWT_SECRET", &"s".repeat(32))]).unwrap();
        assert!(!format!("{config:?}").contains("sss"));
    }

    #[test]
    fn white_space_around_a_secret_is_not_part_of_it() {
        let secret = JwtSecret::parse(format!(" {}\r\n", "s".repeat(32)).into()).expect("a secret");
        assert_eq!(secret.bytes(), "s".repeat(32).as_bytes());
        assert!(JwtSecret::parse(format!("{}  ", "s".repeat(31)).into()).is_none());
    }
}
