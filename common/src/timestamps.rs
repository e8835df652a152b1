//! Points in time as text: RFC 3339 in UTC with exactly six decimals, so that text order is time order.

use jiff::Timestamp;

/// `2026-01-11T06:35:30.766926Z`. Sort keys and responses both use this form.
pub fn to_text(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// serde's view of a [`Timestamp`] as [`to_text`] writes it.
pub mod text {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::to_text(*at))
    }

    /// Reads any RFC 3339 text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_order_is_time_order() {
        let texts: Vec<_> = [0, 1, 999_999, 1_000_000, 1_700_000_000_100_000]
            .map(|micros| to_text(Timestamp::from_microsecond(micros).expect("in range")))
            .into();
        assert_eq!(texts[3], "1970-01-01T00:00:01.000000Z");
        assert!(texts.is_sorted());
    }
}
