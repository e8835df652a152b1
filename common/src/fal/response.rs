//! fal's response to a request that it accepted: a picture, a black picture, or a place in the queue.

use serde_json::Value;
use url::Url;

use super::error::{FalError, FalErrorKind};

/// Longest picture URL that is kept; fal's are about a hundred characters.
const MAX_URL_CHARS: usize = 2_048;

/// What an accepted request came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Accepted {
    /// The picture is at this URL.
    Picture(String),
    /// The request waits in the queue.
    Queued(Ticket),
}

/// A place in the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    /// fal's id of the request.
    pub request_id: String,
    /// Where its status is, if fal named the address.
    pub status_url: Option<String>,
    /// Where its result will be, if fal named the address.
    pub response_url: Option<String>,
    /// How many requests are before it, if fal said so.
    pub queue_position: Option<u64>,
}

/// Reads the body of a 200. A picture's URL is the one field on which fal's responses can be relied, so no
/// other is held to a type. Seeds can be larger than 2^53 and are ignored.
pub(super) fn read(body: &[u8]) -> Result<Accepted, FalError> {
    let nonsense = |reason: &str| FalError::new(FalErrorKind::Failed, format!("fal's response {reason}"));
    let body: Value = serde_json::from_slice(body).map_err(|_| nonsense("is not JSON"))?;
    if is_black(&body["has_nsfw_concepts"]) {
        return Err(FalError::new(FalErrorKind::ContentRejected, "the picture was blacked out as unsafe"));
    }
    let text = |place: &str| body.pointer(place).and_then(Value::as_str).map(str::to_owned);
    if let Some(url) = text("/images/0/url").or_else(|| text("/image/url")).or_else(|| text("/url")) {
        return if is_web_url(&url) {
            Ok(Accepted::Picture(url))
        } else {
            Err(nonsense("names no web address"))
        };
    }
    match (text("/request_id"), text("/status").as_deref()) {
        (Some(request_id), Some("IN_PROGRESS" | "IN_QUEUE")) => Ok(Accepted::Queued(Ticket {
            request_id,
            status_url: text("/status_url"),
            response_url: text("/response_url"),
            queue_position: body["queue_position"].as_u64(),
        })),
        _ => Err(nonsense("holds no picture")),
    }
}

/// The flag is a list with one entry per picture. A bare flag counts as well.
fn is_black(flag: &Value) -> bool {
    *flag == true || flag.as_array().is_some_and(|flags| flags.contains(&Value::Bool(true)))
}

fn is_web_url(text: &str) -> bool {
    let web = |url: Url| matches!(url.scheme(), "https" | "http") && url.has_host();
    text.len() <= MAX_URL_CHARS && Url::parse(text).is_ok_and(web)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn picture(body: &Value) -> Option<String> {
        match read(body.to_string().as_bytes()) {
            Ok(Accepted::Picture(url)) => Some(url),
            _ => None,
        }
    }

    #[test]
    fn a_url_is_found_in_each_of_its_three_places() {
        let url = "https://v3.fal.media/files/a.jpg";
        let real = json!({
            "images": [{"url": url, "width": 1024, "height": 1024, "content_type": "image/jpeg", "file_size": null}],
            "timings": {"inference": 0.3}, "seed": 18_446_744_073_709_551_615u64, "has_nsfw_concepts": [false], "prompt": "p"
        });
        let odd = json!({
            "images": [{"url": url}, null], "has_nsfw_concepts": [null, 0], "status": 5, "request_id": 5, "status_url": {}
        });
        let others = [json!({"image": {"url": url}}), json!({"url": url, "has_nsfw_concepts": null}), odd];
        for body in others.into_iter().chain([real]) {
            assert_eq!(picture(&body).as_deref(), Some(url), "{body}");
        }
    }

    #[test]
    fn a_black_picture_counts_as_rejected_content() {
        for flag in [json!([true]), json!([false, true]), json!(true)] {
            let body = json!({"images": [{"url": "https://a/b.jpg"}], "has_nsfw_concepts": flag});
            let error = read(body.to_string().as_bytes()).expect_err("an error");
            assert_eq!(error.kind, FalErrorKind::ContentRejected);
        }
    }

    #[test]
    fn a_response_without_a_usable_url_is_a_failure() {
        let long = format!("https://a/{}", "x".repeat(2_048));
        for body in [
            json!("text"),
            json!({}),
            json!({"images": []}),
            json!({"images": [{}]}),
            json!({"images": "x"}),
            json!({"url": "javascript:alert(1)"}),
            json!({"url": "data:image/png;base64,AA"}),
            json!({"url": "/a"}),
            json!({"url": long}),
            json!({"status": "IN_PROGRESS"}),
            json!({"request_id": "r", "status": "LOST"}),
        ] {
            let error = read(body.to_string().as_bytes()).expect_err("an error");
            assert_eq!(error.kind, FalErrorKind::Failed, "{body}");
        }
        assert!(read(b"\xff{").is_err());
    }

    #[test]
    fn a_place_in_the_queue_is_recognised() {
        let body = json!({"request_id": "r", "status": "IN_PROGRESS"});
        let ticket =
            Ticket { request_id: "r".into(), status_url: None, response_url: None, queue_position: None };
        assert_eq!(read(body.to_string().as_bytes()), Ok(Accepted::Queued(ticket)));
    }
}
