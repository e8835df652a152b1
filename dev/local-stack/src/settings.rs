//! The settings of a local stack from the environment, and those that it passes on to the functions.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use aws_double::guard::is_loopback_url;
use sam_template::{AuthMode, LOOPBACK};
use secrecy::SecretString;
use url::Url;

/// Where the stack publishes the public key of its tokens.
pub const JWKS_PATH: &str = "/_local/jwks.json";

/// Where the fal double is mounted on the stack's own listener.
pub const FAL_PATH: &str = "/_local/fal";

/// The key of the fal double, and of nothing else.
const LOCAL_FAL_KEY: &str = "local-key-id:local-key-secret";

/// Seals the cursors of local stacks.
const LOCAL_CURSOR_KEY: &str = "local-development-only-cursor-key";

/// Settings of the functions that the environment may override. The names of tables and bucket are missing,
/// because the stack chooses them.
const PASSED_ON: [&str; 19] = [
    "LOG_LEVEL",
    "COINS_PER_BATCH",
    "FAILURES_PER_DAY",
    "LORA_HOSTS",
    "IMAGE_TO_IMAGE_MODEL",
    "NUM_INFERENCE_STEPS",
    "FAL_KEY",
    "FAL_QUEUE_URL",
    "FAL_JWKS_URL",
    "FAL_USER_ID",
    "PUBLIC_URL",
    "ASYNC_LEASE_SECONDS",
    "PULL_AFTER_SECONDS",
    "FAL_TIMEOUT_SECONDS",
    "FAL_KEEPS_PAYLOADS",
    "FAL_KEEPS_PICTURES_SECONDS",
    "PHOTO_DELIVERY",
    "CURSOR_KEY",
    "JWT_SECRET",
];

/// Which fal makes the pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fal {
    /// The double in this process.
    Double,
    /// Another server: `FAL_BASE_URL`.
    Server(Url),
    /// fal.ai itself: `FAL_KEY` without `FAL_BASE_URL`.
    Real,
}

impl std::fmt::Display for Fal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Double => f.write_str("a double that draws the pictures itself"),
            Self::Server(url) => write!(f, "the server at {url}"),
            Self::Real => f.write_str("the real fal.ai, with your FAL_KEY: pictures cost money"),
        }
    }
}

/// The environment, read once.
#[derive(Debug)]
pub struct LocalSettings {
    /// A DynamoDB that replaces the embedded one.
    pub dynamodb_endpoint: Option<Url>,
    /// An S3 that replaces the embedded one.
    pub s3_endpoint: Option<Url>,
    pub auth_mode: AuthMode,
    /// The origins whose pages may call the API, comma-separated.
    pub allowed_origins: String,
    /// The address by which others reach the API, if there is one.
    pub public_url: Option<Url>,
    pub fal: Fal,
    /// Whether a key of the developer's is sent to a server that is not on this machine.
    pub spends_money: bool,
    functions: BTreeMap<&'static str, String>,
}

impl LocalSettings {
    /// Reads the settings that `lookup` finds, for a stack at `url`.
    ///
    /// # Errors
    ///
    /// When a URL, an origin or `AUTH_MODE` is not valid.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>, url: &Url) -> anyhow::Result<Self> {
        let set =
            |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let address = |name: &str| {
            let parse = |text: String| Url::parse(&text).with_context(|| format!("{name} is not a URL"));
            set(name).map(parse).transpose()
        };
        let fal = match (address("FAL_BASE_URL")?, set("FAL_KEY")) {
            (Some(server), _) => Fal::Server(server),
            (None, Some(_)) => Fal::Real,
            (None, None) => Fal::Double,
        };
        let passed_on = PASSED_ON.into_iter().filter_map(|name| Some((name, set(name)?)));
        let mut functions: BTreeMap<_, _> = passed_on.collect();
        match &fal {
            Fal::Double => {
                let double = url.join(FAL_PATH)?;
                let queue = format!("{double}{}", fal_double::QUEUE_PATH);
                functions.entry("FAL_QUEUE_URL").or_insert(queue);
                functions.insert("FAL_JWKS_URL", format!("{double}/.well-known/jwks.json"));
                functions.insert("FAL_BASE_URL", double.into());
            }
            Fal::Server(server) => {
                functions.insert("FAL_BASE_URL", server.to_string());
            }
            Fal::Real => {
                // fal cannot fetch photos from this machine.
                functions.entry("PHOTO_DELIVERY").or_insert("data-url".to_owned());
            }
        }
        let auth_mode = match set("AUTH_MODE").as_deref() {
            None | Some("jwt") => AuthMode::Jwt,
            Some("lambda") => AuthMode::Lambda,
            Some(_) => anyhow::bail!("AUTH_MODE must be jwt or lambda"),
        };
        if auth_mode == AuthMode::Lambda {
            functions.insert("JWKS_URL", url.join(JWKS_PATH)?.into());
        }
        let leaves_this_machine = |name: &str| {
            let url = functions.get(name).and_then(|url| Url::parse(url).ok());
            url.is_none_or(|url| !is_loopback_url(&url))
        };
        let spends_money = functions.contains_key("FAL_KEY")
            && (leaves_this_machine("FAL_BASE_URL") || leaves_this_machine("FAL_QUEUE_URL"));
        let allowed_origins = set("ALLOWED_ORIGINS").unwrap_or(LOOPBACK.to_owned());
        allowed_origins.split(',').map(str::trim).try_for_each(check_origin)?;
        let public_url = address("PUBLIC_URL")?;
        // Where fal's webhooks go. The real fal cannot reach this machine without a tunnel; then fal is asked.
        functions.entry("PUBLIC_URL").or_insert(url.to_string());
        functions.entry("CURSOR_KEY").or_insert(LOCAL_CURSOR_KEY.to_owned());
        functions.entry("FAL_KEY").or_insert(LOCAL_FAL_KEY.to_owned());
        Ok(Self {
            dynamodb_endpoint: address("AWS_ENDPOINT_URL_DYNAMODB")?,
            s3_endpoint: address("AWS_ENDPOINT_URL_S3")?,
            auth_mode,
            allowed_origins,
            public_url,
            fal,
            spends_money,
            functions,
        })
    }

    /// All settings that replace the template's, by name.
    pub fn function_settings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.functions.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The key that the double accepts, when the double is used.
    pub fn fal_double_key(&self) -> Option<SecretString> {
        let key = self.functions.get("FAL_KEY").filter(|_| self.fal == Fal::Double)?;
        Some(SecretString::from(key.as_str()))
    }
}

/// An origin that is written in another way than browsers write it would match no page.
fn check_origin(origin: &str) -> anyhow::Result<()> {
    let is_origin = || Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == origin);
    ensure!(
        origin == "*" || origin == LOOPBACK || is_origin(),
        "ALLOWED_ORIGINS must have origins such as https://app.example.com, {LOOPBACK} or *, not \"{origin}\""
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> LocalSettings {
        let lookup = |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned());
        LocalSettings::read(&lookup, &Url::parse("http://127.0.0.1:3000").unwrap()).unwrap()
    }

    #[test]
    fn without_a_key_the_double_is_used() {
        let settings = read(&[("COINS_PER_BATCH", "3"), ("PROFILES_TABLE", "mine")]);
        assert_eq!(settings.fal, Fal::Double);
        assert_eq!(settings.functions["FAL_BASE_URL"], "http://127.0.0.1:3000/_local/fal");
        assert_eq!(settings.functions["FAL_QUEUE_URL"], "http://127.0.0.1:3000/_local/fal/_queue");
        assert_eq!(settings.functions["COINS_PER_BATCH"], "3");
        assert_eq!(settings.functions.get("PROFILES_TABLE"), None);
    }

    #[test]
    fn with_a_key_alone_the_real_fal_is_used_and_photos_are_sent_as_data_urls() {
        let settings = read(&[("FAL_KEY", "id:secret")]);
        assert_eq!(settings.fal, Fal::Real);
        assert_eq!(settings.functions.get("FAL_BASE_URL"), None);
        assert_eq!(settings.functions["PHOTO_DELIVERY"], "data-url");
        assert!(settings.fal_double_key().is_none());
    }

    #[test]
    fn money_is_spent_with_a_key_that_leaves_this_machine() {
        let (key, local) = (("FAL_KEY", "id:secret"), "http://127.0.0.1:9");
        for (spends, pairs) in [
            (false, &[][..]),
            (false, &[("FAL_BASE_URL", "https://fal.run")]),
            (false, &[key, ("FAL_BASE_URL", local), ("FAL_QUEUE_URL", local)]),
            (true, &[key]),
            (true, &[key, ("FAL_BASE_URL", "https://fal.run"), ("FAL_QUEUE_URL", local)]),
            // The queue that is not named is fal's own.
            (true, &[key, ("FAL_BASE_URL", local)]),
        ] {
            assert_eq!(read(pairs).spends_money, spends, "{pairs:?}");
        }
    }

    #[test]
    fn an_origin_is_accepted_as_browsers_write_it() {
        assert_eq!(read(&[]).allowed_origins, LOOPBACK);
        let wanted = "loopback, https://shop.example,http://localhost:5173";
        assert_eq!(read(&[("ALLOWED_ORIGINS", wanted)]).allowed_origins, wanted);
        for wrong in
            ["https://shop.example/", "https://shop.example/cart", "shop.example", "null", "loopback,"]
        {
            assert!(check_origin(wrong.split(',').next_back().unwrap()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn another_server_gets_the_key_of_the_environment() {
        let settings = read(&[("FAL_KEY", "id:secret"), ("FAL_BASE_URL", "http://127.0.0.1:9/fal")]);
        assert_eq!(settings.fal, Fal::Server(Url::parse("http://127.0.0.1:9/fal").unwrap()));
        assert_eq!(settings.functions["FAL_KEY"], "id:secret");
        assert_eq!(settings.functions.get("PHOTO_DELIVERY"), None);
    }
}
