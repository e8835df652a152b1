//! A JSON string of megabytes, read in the memory that it is in. serde_json would need as much twice more: a place to put
//! a string with escapes together, and one to hand it over.

use std::ops::Range;

/// What the string stands for that lies in `json`, valid JSON, at `place`, between its quotes. Nothing if it has half of
/// a surrogate pair without the other half.
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

/// The character of the escape that `json` begins with, and the escape's length, which is not less than that of the
/// character. <https://www.rfc-editor.org/rfc/rfc8259#section-7>
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
        fn what_was_written_is_read(text in "(?s).*") {
            let json = serde_json::to_string(&text).expect("JSON");
            assert_eq!(read_both(&json), [Some(text.clone()), Some(text)]);
        }
    }

    fn read_both(json: &str) -> [Option<String>; 2] {
        let place = "[".len() + 1..json.len();
        [super::read(format!("[{json}, \"more\"]"), place), serde_json::from_str(json).ok()]
    }

    #[test]
    fn it_reads_what_serde_json_reads() {
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
    fn half_a_pair_is_refused() {
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
