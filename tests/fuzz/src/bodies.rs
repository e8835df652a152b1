//! The largest and the worst bodies that reach a function.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Lambda accepts no larger event.
const BODY_BYTES: usize = 6 * 1024 * 1024;

/// All of them, with their names.
pub fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let photo = |bytes: usize| {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x02\0\0\0".to_vec();
        png.resize(bytes, 7);
        BASE64_STANDARD.encode(png)
    };
    let largest = photo(4 * 1024 * 1024);
    let fields: String = (0..600_000).map(|number| format!("\"{number:x}\":0,")).collect();
    vec![
        ("a photo of 4 MiB", format!(r#"{{"prompt": "a", "face_image": "{largest}"}}"#).into_bytes()),
        (
            "the same with a fault at its end",
            format!(r#"{{"prompt": "a", "face_image": "{largest}@"}}"#).into_bytes(),
        ),
        ("a larger photo", filled(r#"{"prompt": "a", "face_image": ""#, "A", r#""}"#)),
        ("base64 with spaces", filled(r#"{"face_image": ""#, "AA ", r#""}"#)),
        ("a prompt", filled(r#"{"prompt": ""#, "x", r#""}"#)),
        ("a prompt of escapes", filled(r#"{"prompt": ""#, r"\u00e9", r#""}"#)),
        ("a name", filled(r#"{""#, "~", r#"": 0}"#)),
        ("unknown fields", format!(r#"{{{fields}"x":0}}"#).into_bytes()),
        ("the same field again and again", filled("{", r#""prompt":0,"#, r#""prompt":0}"#)),
        ("a list of numbers", filled(r#"{"product_images": ["#, "0,", "0]}")),
        ("a list of empty lists", filled(r#"{"product_images": ["#, "[],", "[]]}")),
        ("a list of objects", filled(r#"{"product_images": ["#, r#"{"":0},"#, "{}]}")),
        ("LoRAs of objects", filled(r#"{"loras": ["#, r#"{"":0},"#, "{}]}")),
        ("open brackets", filled("", "[", "")),
        ("a list cut off", filled(r#"{"a": ["#, r#"{"":0},"#, "")),
        ("spaces", filled("{", " ", "}")),
    ]
}

/// `begin`, then `middle` until the body is as large as it may be, then `end`.
fn filled(begin: &str, middle: &str, end: &str) -> Vec<u8> {
    let times = (BODY_BYTES - begin.len() - end.len()) / middle.len();
    [begin, &middle.repeat(times), end].concat().into_bytes()
}
