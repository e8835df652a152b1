//! How long fal keeps what it gets and makes.

use std::ops::RangeInclusive;

use http::request::Builder;

use crate::settings::Settings;

/// How long fal keeps a picture by default, in seconds: 30 days, as long as the generation's record.
const USUAL_PICTURE_SECONDS: u32 = 30 * 24 * 60 * 60;

/// At least an hour, in which a merchant can save the pictures. At most ten years.
const PICTURE_SECONDS: RangeInclusive<u32> = 3_600..=315_360_000;

/// How long fal keeps what it gets and makes, as the headers of a request tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Whether fal keeps the payloads, which are the prompt, the photos' addresses and the response, for its own 30
    /// days. If not, fal keeps the result of a queued job for an hour, and for six minutes from 10 KB on.
    keeps_payloads: bool,
    /// How long fal keeps each picture, in seconds.
    picture_seconds: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { keeps_payloads: false, picture_seconds: USUAL_PICTURE_SECONDS }
    }
}

impl Retention {
    /// Reads `FAL_KEEPS_PAYLOADS` and `FAL_KEEPS_PICTURES_SECONDS`.
    pub fn load(settings: &mut Settings<'_>) -> Option<Self> {
        let keeps_payloads = settings.parsed("FAL_KEEPS_PAYLOADS", false, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("must be true or false"),
        });
        let picture_seconds =
            settings.seconds("FAL_KEEPS_PICTURES_SECONDS", USUAL_PICTURE_SECONDS, PICTURE_SECONDS);
        Some(Self { keeps_payloads: keeps_payloads?, picture_seconds: picture_seconds? })
    }

    /// Tells fal, in a request that makes a picture.
    pub(super) fn tell(self, request: Builder) -> Builder {
        let lifetime = format!(r#"{{"expiration_duration_seconds":{}}}"#, self.picture_seconds);
        let request = request.header("x-fal-object-lifecycle-preference", lifetime);
        if self.keeps_payloads { request } else { request.header("x-fal-store-io", "0") }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::settings::{SettingsError, load};

    fn headers(pairs: &'static [(&str, &str)]) -> Result<[Option<String>; 2], SettingsError> {
        let lookup = |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned());
        let request = load(&lookup, Retention::load)?.tell(Request::post("https://fal.run"));
        let request = request.body(()).expect("a request");
        let text = |name| request.headers().get(name)?.to_str().ok().map(str::to_owned);
        Ok(["x-fal-store-io", "x-fal-object-lifecycle-preference"].map(text))
    }

    #[test]
    fn fal_keeps_no_payload_and_each_picture_for_a_month_unless_the_operator_wants_otherwise() {
        let lifetime = |seconds| Some(format!(r#"{{"expiration_duration_seconds":{seconds}}}"#));
        assert_eq!(headers(&[]), Ok([Some("0".to_owned()), lifetime(2_592_000)]));
        let kept = &[("FAL_KEEPS_PAYLOADS", "true"), ("FAL_KEEPS_PICTURES_SECONDS", "86400")];
        assert_eq!(headers(kept), Ok([None, lifetime(86_400)]));
        for wrong in [&[("FAL_KEEPS_PAYLOADS", "no")], &[("FAL_KEEPS_PICTURES_SECONDS", "60")]] {
            assert!(headers(wrong).is_err(), "{wrong:?}");
        }
    }
}
