//! The faults that can be injected, and which request each of them hits.

use serde::{Deserialize, Serialize};

/// One table of the faults: variant, name in JSON, description.
macro_rules! faults {
    ($($variant:ident $name:literal $description:literal,)+) => {
        /// An error or a surprise of fal, as fal's documentation describes it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Fault {
            $(#[doc = $description] #[serde(rename = $name)] $variant,)+
        }

        impl Fault {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $description,)+ }
            }
        }
    };
}

faults! {
    BadKey "bad_key"
        "401 with a bare string, as for a key that was revoked.",
    AccountLocked "account_locked"
        "403 with a bare string: the balance is exhausted and every request fails until someone tops up.",
    UnknownEndpoint "unknown_endpoint"
        "404 with a bare string, as for a model that was removed.",
    ContentPolicyViolation "content_policy_violation"
        "422 with a list: the checker refused the prompt; the entry echoes the prompt.",
    ImageLoadError "image_load_error"
        "422 with a list: the photo could not be decoded; the entry echoes its URL or data URI.",
    FileDownloadError "file_download_error"
        "422 with a list: the photo could not be fetched; the entry echoes its URL.",
    ImageTooLarge "image_too_large"
        "422 with a list: the photo has too many pixels; ctx names the limit.",
    ImageUrlEcho "image_url_echo"
        "422 with a bare string that repeats the whole URL of the photo, signature included.",
    ConcurrencyLimit "concurrency_limit"
        "429 at once with X-Fal-Needs-Retry: 1: the account has as many requests running as it may.",
    InternalErrorRetryable "internal_error_retryable"
        "500 with a list and X-Fal-Retryable: true: the same request may work a second time.",
    InternalError "internal_error"
        "500 with error_type and nothing that invites a second try.",
    BadGateway "bad_gateway"
        "502 with a page of HTML from the edge; the picture may have been made all the same.",
    RunnerServerError "runner_server_error"
        "500 with error_type: the runner had an internal error.",
    RunnerIncompleteResponse "runner_incomplete_response"
        "502 with error_type: the runner sent only a part of its response.",
    Unavailable "unavailable"
        "503 with error_type: no runner was there, nothing was started, a second try is safe.",
    RunnerConnectionTimeout "runner_connection_timeout"
        "503 with error_type: connecting to the runner took too long; nothing was started.",
    RunnerConnectionRefused "runner_connection_refused"
        "503 with error_type: the runner refused the connection; nothing was started.",
    RunnerConnectionError "runner_connection_error"
        "503 with error_type: the connection to the runner failed; nothing was started.",
    RunnerDisconnected "runner_disconnected"
        "503 with error_type: the runner went away while it worked.",
    RequestTimeout "request_timeout"
        "504 with error_type: the model took longer than it may.",
    ClientDisconnected "client_disconnected"
        "499 with error_type: fal believes that the client closed the connection.",
    ClientCancelled "client_cancelled"
        "499 with error_type: the request was cancelled.",
    BadRequest "bad_request"
        "400 with error_type, as for a malformed header.",
    GatewayTimeout "gateway_timeout"
        "504 with a page of HTML from the edge; the picture may have been made all the same.",
    StartTimeout "start_timeout"
        "504 with X-Fal-Request-Timeout-Type: user: the request did not start within the time the client set.",
    EdgeBadGateway "edge_bad_gateway"
        "502 with a page of HTML and without a request id; a job that was submitted runs all the same.",
    EdgeUnavailable "edge_unavailable"
        "503 with a page of HTML and without a request id; nothing was started.",
    EdgeGatewayTimeout "edge_gateway_timeout"
        "504 with a page of HTML and without a request id; a job that was submitted runs all the same.",
    EdgeBadGatewayJson "edge_bad_gateway_json"
        "The same as edge_bad_gateway with JSON.",
    EdgeUnavailableJson "edge_unavailable_json"
        "The same as edge_unavailable with JSON.",
    EdgeGatewayTimeoutJson "edge_gateway_timeout_json"
        "The same as edge_gateway_timeout with JSON.",
    BlackPicture "black_picture"
        "200 with has_nsfw_concepts true and a picture that is really black.",
    Queued "queued"
        "200 with only request_id and status IN_PROGRESS; the queue's routes finish it.",
    QueuedWithUrls "queued_with_urls"
        "The same with status_url, response_url and cancel_url.",
    QueuedFailing "queued_failing"
        "The same with URLs, and the queued request ends as a content policy violation.",
    Nonsense "nonsense"
        "200 with a body that is not JSON.",
    NoImages "no_images"
        "200 with an empty list of images.",
    SingleImage "single_image"
        "200 with the picture under image.url and no list of images, as some models answer.",
    BareUrl "bare_url"
        "200 with the picture as url at the top, as some models answer.",
    ForeignScheme "foreign_scheme"
        "200 with a script where the picture's URL should be.",
    ConnectionClosed "connection_closed"
        "The connection is closed without an answer, after the picture was made or the job accepted.",
    Slow "slow"
        "A good answer, 60 seconds later than usual.",
    Redirect "redirect"
        "307 to /redirected on this host, which records whether the key was sent there too.",
    OversizedAnswer "oversized_answer"
        "200 with 20 MB of JSON.",
}

/// A fault for some of the coming generation requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Injection {
    pub fault: Fault,
    /// How many generation requests succeed first. "The second of two fails" is `skip` 1, `times` 1.
    #[serde(default)]
    pub skip: u32,
    /// How many requests after those are hit; `None` means all, until the faults are cleared.
    #[serde(default)]
    pub times: Option<u32>,
}

/// The fault of the request that arrives now. Every injection with a `skip` left skips the request; the
/// oldest of the others hits it. `active` keeps the injections with the counts that are left, oldest first.
pub fn next(active: &mut Vec<Injection>) -> Option<Fault> {
    let mut hit = None;
    for injection in active.iter_mut() {
        if injection.skip > 0 {
            injection.skip -= 1;
        } else if hit.is_none() && injection.times != Some(0) {
            hit = Some(injection.fault);
            injection.times = injection.times.map(|times| times - 1);
        }
    }
    active.retain(|injection| injection.times != Some(0));
    hit
}
