//! fal's answer to a request that it accepted: a picture, a black picture, or a place in the queue.

use serde::Deserialize;
use url::Url;

use super::error::{FalError, FalErrorKind};

/// Longest picture URL that is kept; fal's are about a hundred characters.
const MAX_URL_CHARS: usize = 2_048;

/// What fal said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A picture lies at this URL.
    Picture(String),
    /// The request waits in the queue.
    Queued(Ticket),
}

/// A place in the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    /// fal's id of the request.
    pub request_id: String,
    /// Where to ask how far it is, if fal said.
    pub status_url: Option<String>,
    /// Where its result will be, if fal said.
    pub response_url: Option<String>,
}

/// Everything that the answers of the three endpoints may hold and that matters. Seeds pass 2^53 and are left
/// alone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    images: Option<Vec<Image>>,
    image: Option<Image>,
    url: Option<String>,
    has_nsfw_concepts: Option<Vec<bool>>,
    status: Option<String>,
    request_id: Option<String>,
    status_url: Option<String>,
    response_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Image {
    url: String,
}

/// Reads the body of a 200.
pub(super) fn read(body: &[u8]) -> Result<Answer, FalError> {
    let nonsense = |reason: &str| FalError::new(FalErrorKind::Failed, format!("fal's answer {reason}"));
    let body: Body = serde_json::from_slice(body).map_err(|_| nonsense("is not the JSON it should be"))?;
    if body.has_nsfw_concepts.is_some_and(|flags| flags.contains(&true)) {
        return Err(FalError::new(FalErrorKind::ContentRejected, "the picture was blacked out as unsafe"));
    }
    let listed = body.images.and_then(|images| images.into_iter().next());
    if let Some(url) = listed.or(body.image).map(|image| image.url).or(body.url) {
        return if is_web_url(&url) {
            Ok(Answer::Picture(url))
        } else {
            Err(nonsense("names no web address"))
        };
    }
    match (body.request_id, body.status.as_deref()) {
        (Some(request_id), Some("IN_PROGRESS" | "IN_QUEUE")) => Ok(Answer::Queued(Ticket {
            request_id,
            status_url: body.status_url,
            response_url: body.response_url,
        })),
        _ => Err(nonsense("holds no picture")),
    }
}

fn is_web_url(text: &str) -> bool {
    let web = |url: Url| matches!(url.scheme(), "https" | "http") && url.has_host();
    text.len() <= MAX_URL_CHARS && Url::parse(text).is_ok_and(web)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn picture(body: &Value) -> Option<String> {
        match read(body.to_string().as_bytes()) {
            Ok(Answer::Picture(url)) => Some(url),
            _ => None,
        }
    }

    #[test]
    fn the_three_places_of_a_url_are_known() {
        let url = "https://v3.fal.media/files/a.jpg";
        let real = json!({
            "images": [{"url": url, "width": 1024, "height": 1024, "content_type": "image/jpeg", "file_size": null}],
            "timings": {"inference": 0.3}, "seed": 18_446_744_073_709_551_615u64, "has_nsfw_concepts": [false], "prompt": "p"
        });
        for body in [real, json!({"image": {"url": url}}), json!({"url": url, "has_nsfw_concepts": null})] {
            assert_eq!(picture(&body).as_deref(), Some(url), "{body}");
        }
    }

    #[test]
    fn a_black_picture_is_no_picture() {
        let body = json!({"images": [{"url": "https://a/b.jpg"}], "has_nsfw_concepts": [true]});
        let error = read(body.to_string().as_bytes()).expect_err("an error");
        assert_eq!(error.kind, FalErrorKind::ContentRejected);
    }

    #[test]
    fn nonsense_is_a_failure() {
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
        let ticket = Ticket { request_id: "r".into(), status_url: None, response_url: None };
        assert_eq!(read(body.to_string().as_bytes()), Ok(Answer::Queued(ticket)));
    }
}
