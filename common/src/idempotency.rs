//! The `Idempotency-Key` header: the client's own name for one generation, so that a repeat is recognised.

use thiserror::Error;

/// Longest key, as the IETF draft's well-known implementations have it.
const MAX_KEY_CHARS: usize = 255;

/// A client's key for one generation: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The header is empty, too long, unbalanced in its quotes or holds characters that a key may not.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("an Idempotency-Key is 1 to {MAX_KEY_CHARS} visible ASCII characters, bare or in double quotes")]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// Reads a header value. The draft (draft-ietf-httpapi-idempotency-key-header) makes it a quoted string;
    /// most clients send it bare. Both spell the same key.
    pub fn parse(header: &str) -> Result<Self, InvalidIdempotencyKey> {
        let header = header.trim_matches([' ', '\t']);
        let key = match header.strip_prefix('"') {
            Some(quoted) => unescape(quoted.strip_suffix('"').ok_or(InvalidIdempotencyKey)?)?,
            None => header.to_owned(),
        };
        let visible = key.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
        if key.trim().is_empty() || key.len() > MAX_KEY_CHARS || !visible {
            return Err(InvalidIdempotencyKey);
        }
        Ok(Self(key))
    }

    /// The key without its quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Undoes a structured-field string's only two escapes, `\"` and `\\`; a bare quote inside is an error.
fn unescape(quoted: &str) -> Result<String, InvalidIdempotencyKey> {
    let mut key = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => return Err(InvalidIdempotencyKey),
            '\\' => match chars.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(InvalidIdempotencyKey),
            },
            other => key.push(other),
        }
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bare_spell_the_same_key() {
        assert_eq!(IdempotencyKey::parse("order-17"), IdempotencyKey::parse(" \"order-17\" "));
        assert_eq!(IdempotencyKey::parse(r#""a\"b""#), Ok(IdempotencyKey("a\"b".into())));
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_ok());
    }

    #[test]
    fn empty_long_and_unbalanced_keys_are_refused() {
        let long = "k".repeat(256);
        for header in
            ["", " ", "\"", "\"\"", "\"open", "\"a\"b\"", r#""a\n""#, r#""a\"#, "kunci-ñ", "a\u{7f}", &long]
        {
            assert_eq!(IdempotencyKey::parse(header), Err(InvalidIdempotencyKey), "{header:?}");
        }
    }
}
