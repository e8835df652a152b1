//! LoRAs: extra weights that fal fetches from a repository of Hugging Face or from a host that the operator
//! trusts. fal bills the time of a fetch that never ends, so no user may name any host.

use common::fal::Lora;
use common::settings::Settings;
use common::validation::Fields;
use serde_json::Value;
use url::{Host, Url};

/// Most LoRAs that the editing endpoint takes.
const MAX_LORAS: usize = 3;

/// The highest scale of a LoRA that fal takes.
const MAX_SCALE: f64 = 4.0;

/// Longest path of a LoRA, in characters.
const MAX_PATH_CHARS: usize = 500;

/// The hosts of weights files: Hugging Face's and fal's own.
const USUAL_HOSTS: [&str; 3] = ["huggingface.co", "hf.co", "fal.media"];

/// The hosts that a LoRA's URL may name, with their subdomains.
#[derive(Debug, Clone)]
pub struct LoraHosts(Vec<String>);

impl LoraHosts {
    /// Reads `LORA_HOSTS`: names of hosts, separated by commas.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        let usual = Self(USUAL_HOSTS.map(str::to_owned).into());
        settings.parsed("LORA_HOSTS", usual, |text| {
            let hosts = text.split(',').map(|host| match Host::parse(host.trim()) {
                Ok(Host::Domain(name)) if name.contains('.') => Ok(name),
                _ => Err("must be names of hosts, separated by commas"),
            });
            hosts.collect::<Result<_, _>>().map(Self)
        })
    }

    fn has(&self, host: &str) -> bool {
        self.0.iter().any(|known| {
            host.strip_suffix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    /// `text` as a repository or as the URL of a file, in the one form that is sent.
    fn read(&self, text: &str) -> Result<String, String> {
        if is_repository(text) {
            return Ok(text.to_owned());
        }
        let Ok(url) = Url::parse(text) else {
            return Err("must be owner/name, or the https URL of a weights file".to_owned());
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not have a user name or a password".to_owned());
        }
        let is_known = url.domain().is_some_and(|host| self.has(host));
        if url.scheme() != "https" || url.port().is_some() || !is_known {
            return Err(format!("must be an https URL on one of {}", self.0.join(", ")));
        }
        Ok(url.into())
    }
}

/// Whether `text` has the form of a repository's name at Hugging Face.
fn is_repository(text: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|char: char| char.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    text.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name))
}

/// Reads the field `loras`.
pub fn read(fields: &mut Fields<'_>, hosts: &LoraHosts) -> Vec<Lora> {
    let given = fields.list("loras");
    if given.len() > MAX_LORAS {
        fields.invalid("loras", format!("must be at most {MAX_LORAS}"));
        return Vec::new();
    }
    let loras = given.into_iter().enumerate();
    loras.filter_map(|(index, value)| read_one(fields, hosts, index, value)).collect()
}

fn read_one(fields: &mut Fields<'_>, hosts: &LoraHosts, index: usize, value: Value) -> Option<Lora> {
    let pointer = format!("/loras/{index}");
    let Value::Object(lora) = value else {
        fields.faults().invalid(pointer, "must be an object with path and scale");
        return None;
    };
    let mut lora = Fields::new(lora, &pointer, fields.faults());
    let path = match lora.text("path", MAX_PATH_CHARS).map(|path| hosts.read(path.trim())) {
        Some(Ok(path)) => Some(path),
        Some(Err(message)) => {
            lora.invalid("path", message);
            None
        }
        None => {
            lora.missing("path", "is required: owner/name, or the URL of a weights file");
            None
        }
    };
    let scale = match lora.take("scale") {
        None => Some(1.0),
        Some(value) => value.as_f64().filter(|scale| (0.0..=MAX_SCALE).contains(scale)),
    };
    if scale.is_none() {
        lora.invalid("scale", format!("must be a number from 0 to {MAX_SCALE}"));
    }
    lora.refuse_rest(|_| "is not a field of a LoRA".to_owned());
    Some(Lora { path: path?, scale: scale? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_and_files_on_known_hosts_are_read() {
        let hosts = LoraHosts(USUAL_HOSTS.map(str::to_owned).into());
        for path in [
            "owner/name",
            "XLabs-AI/flux-RealismLora",
            "https://huggingface.co/a/b/resolve/main/c.safetensors?download=true",
            "https://cdn-lfs.huggingface.co/a",
            "https://v3b.fal.media/files/a.safetensors",
        ] {
            assert_eq!(hosts.read(path).as_deref(), Ok(path));
        }
        assert_eq!(hosts.read("HTTPS://HF.co:443/a").as_deref(), Ok("https://hf.co/a"));
    }

    #[test]
    fn all_other_paths_are_refused() {
        let hosts = LoraHosts(USUAL_HOSTS.map(str::to_owned).into());
        for path in [
            "owner",
            "a/b/c",
            "../b",
            "/etc/passwd",
            "owner/na me",
            "http://huggingface.co/a",
            "ftp://huggingface.co/a",
            "file:///etc/passwd",
            "data:text/plain,a",
            "https://evil.example/a",
            "https://huggingface.co.evil.example/a",
            "https://evilhuggingface.co/a",
            "https://huggingface.co@evil.example/a",
            "https://user:secret@huggingface.co/a",
            "https://huggingface.co:8443/a",
            "https://127.0.0.1/a",
            "https://[::1]/a",
            "https://169.254.169.254/latest/meta-data",
            "https://2130706433/a",
        ] {
            let refused = hosts.read(path).expect_err(path);
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
