//! Reads a JSON string of megabytes in place. serde_json would copy it twice: into its scratch buffer, and
//! into the result.

use std::ops::Range;

/// The value of the string at `place` in `json`, which is valid JSON; `place` is between the quotes. `None`
/// if the string has half a surrogate pair.
pub(super) fn read(json: String, place: Range<usize>) -> Option<String> {
    let mut bytes = json.into_bytes();
    bytes.truncate(place.end);
    bytes.drain(..place.start);
    let (mut read, mut written) = (0, 0);
    while let Some(plain) = memchr::memchr(b'\\', &bytes[read..]) {
        bytes.copy_within(read..read + plain, written);
        (read, written) = (read + plain, written + plain);
        let (char, length) = escaped(&bytes[read..])?;
        written += char.encode_utf8(&mut bytes[written..]).len();
        read += length;
    }
    bytes.copy_within(read.., written);
    bytes.truncate(written + bytes.len() - read);
    String::from_utf8(bytes).ok()
}

/// The character of the escape at the start of `json`, and the escape's length. The character is never
/// longer. <https://www.rfc-editor.org/rfc/rfc8259#section-7>
fn escaped(json: &[u8]) -> Option<(char, usize)> {
    let char = match json.get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let units = json.chunks(UNIT).map_while(unit).take(2);
            let char = char::decode_utf16(units).next()?.ok()?;
            return Some((char, char.len_utf16() * UNIT));
        }
        other => char::from(*other),
    };
    Some((char, 2))
}

/// The length of `\u0041`.
const UNIT: usize = 6;

/// The UTF-16 code unit that `json` is the escape of.
fn unit(json: &[u8]) -> Option<u16> {
    let digits = str::from_utf8(json.strip_prefix(b"\\u")?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::proptest;

    proptest! {
        #[test]
        fn a_written_string_is_read_back(text in "(?s).*") {
            let json = serde_json::to_string(&text).expect("JSON");
            assert_eq!(read_both(&json), [Some(text.clone()), Some(text)]);
        }
    }

    fn read_both(json: &str) -> [Option<String>; 2] {
        let place = "[".len() + 1..json.len();
        [super::read(format!("[{json}, \"more\"]"), place), serde_json::from_str(json).ok()]
    }

    #[test]
    fn strings_are_read_as_serde_json_reads_them() {
        for json in [
            r#""""#,
            r#""no escape, é 😀""#,
            r#""{\"a\":\"\\\"\"}\\""#,
            r#""\b\f\n\r\t\/\\\"""#,
            r#""\u0041\u00e9\uD83D\uDE00\ud83d\ude00!\u0000\uD7FF\uE000""#,
            r#""\\u0041\\\u0041""#,
        ] {
            let [ours, theirs] = read_both(json);
            assert!(ours.is_some() && ours == theirs, "{json}: {ours:?}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_refused() {
        for json in [
            r#""\ud83d""#,
            r#""\uDE00""#,
            r#""\ud83d\u0041""#,
            r#""\ud83d\n""#,
            r#""\udbff and more""#,
            r#""\ud83daé😀😀""#,
        ] {
            assert_eq!(read_both(json), [None, None], "{json}");
        }
    }
}
