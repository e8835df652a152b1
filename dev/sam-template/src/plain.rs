//! A template without intrinsic functions, read by path, so that every error says where it is.

use anyhow::{Context, anyhow, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::intrinsics::{UNRESOLVED, text};

/// The template as plain JSON.
pub(super) struct Plain(pub(super) Value);

impl Plain {
    /// The logical ids of the resources of that type.
    pub(super) fn resources(&self, kind: &str) -> anyhow::Result<Vec<&str>> {
        let mut ids = self.names("/Resources")?;
        ids.retain(|id| self.0["Resources"][*id]["Type"] == kind);
        Ok(ids)
    }

    /// The names of the members of a mapping.
    pub(super) fn names(&self, path: &str) -> anyhow::Result<Vec<&str>> {
        let Some(value) = self.find(path)? else { return Ok(Vec::new()) };
        let members = value.as_object().with_context(|| format!("{}: a mapping expected", shown(path)))?;
        Ok(members.keys().map(String::as_str).collect())
    }

    /// The value at a path, if there is one. It may not be within a value that could not be resolved.
    fn find(&self, path: &str) -> anyhow::Result<Option<&Value>> {
        for above in path.match_indices('/').map(|(end, _)| &path[..end]).chain([path]) {
            if let Some(reason) = self.0.pointer(above).and_then(|value| value[UNRESOLVED].as_str()) {
                bail!("{}: {reason}", shown(above));
            }
        }
        Ok(self.0.pointer(path))
    }

    /// The value at a path such as `/Resources/Api/Properties`, if there is one.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Option<T>> {
        let Some(value) = self.find(path)? else { return Ok(None) };
        serde_path_to_error::deserialize(value).map(Some).map_err(|error| {
            let place = error.path().iter().fold(path.to_owned(), |place, step| match step {
                Segment::Seq { index } => format!("{place}/{index}"),
                _ => format!("{place}/{step}"),
            });
            let unresolved = self.find(&place).err();
            unresolved.unwrap_or_else(|| anyhow!("{}: {}", shown(&place), error.inner()))
        })
    }

    /// As [`Plain::get`], with an error if the value is missing.
    pub(super) fn need<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.get(path)?.with_context(|| format!("`{}` is missing", shown(path)))
    }

    /// The text of a value. Numbers and booleans are written as by CloudFormation.
    pub(super) fn text(&self, path: &str) -> anyhow::Result<String> {
        text(self.need(path)?).map_err(|reason| anyhow!("{}: {reason}", shown(path)))
    }
}

/// A path as errors show it: `Resources.Api.Properties`.
pub(super) fn shown(path: &str) -> String {
    path.trim_start_matches('/').replace('/', ".")
}
