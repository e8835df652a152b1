//! What fal probably charges for a request. fal's response does not say it in dollars, and a request without a response
//! may cost as much as one with a picture, so the cost is counted for what was sent.

use http::StatusCode;

use super::client::RequestError;
use super::error::FalErrorKind;
use super::{Input, Tickets};
use crate::metrics::{self, Metric};

/// fal's megapixel.
const PIXELS: u64 = 1024 * 1024;

/// fal scales larger photos down to this size.
const MOST: u64 = 4;

/// The size of a photo or a picture as fal counts it: whole megapixels of 1024 by 1024 pixels, at most four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Megapixels(u64);

impl Megapixels {
    /// The size of a square of 1024 by 1024 pixels.
    pub(super) const ONE: Self = Self(1);

    /// The size of a photo, or of a picture that has the size of a photo.
    pub fn of(pixels: u64) -> Self {
        Self(pixels.div_ceil(PIXELS).clamp(1, MOST))
    }

    pub(super) fn count(self) -> f64 {
        self.0 as f64
    }
}

/// The cost of one request to fal, which the metric counts once when the request ends, in whatever way: also when nobody
/// waits for its response any more, because fal makes the picture all the same.
pub(super) struct Charge<'a> {
    usd: Option<f64>,
    batch: &'a Tickets,
}

impl<'a> Charge<'a> {
    /// The cost of sending `input` for a batch.
    pub fn of(input: &Input, batch: &'a Tickets) -> Self {
        Self { usd: Some(input.estimated_usd()), batch }
    }

    /// The request has ended in `error`.
    pub fn failed(mut self, error: &RequestError) {
        if refuses_everything(error) {
            self.batch.refuse_all();
        }
        if is_free(error) {
            self.usd = None;
        }
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if let Some(usd) = self.usd
            && !self.batch.are_refused()
        {
            metrics::measure(Metric::FalCost, usd);
        }
    }
}

/// Whether fal refuses the other request of the batch as well, which may not have ended yet: for our key, for our
/// account, or because it does not know the endpoint.
fn refuses_everything(error: &RequestError) -> bool {
    matches!(error, RequestError::Refused(status, _) if matches!(status.as_u16(), 401 | 403 | 404))
}

/// Whether fal certainly charges nothing. The edge's own 502 and 504, which have no request id, say nothing of the
/// request behind the edge.
fn is_free(refused: &RequestError) -> bool {
    let error = refused.error();
    let by_the_edge = error.request_id.is_none()
        && error.kind != FalErrorKind::Timeout
        && matches!(refused, RequestError::Refused(StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT, _));
    !error.may_be_billed && !by_the_edge
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::super::error::FalError;
    use super::*;
    use crate::net::HttpError;

    #[test]
    fn a_photo_is_rounded_up_to_whole_megapixels_and_counts_four_at_most() {
        for (pixels, megapixels) in
            [(1, 1), (PIXELS, 1), (PIXELS + 1, 2), (1_500 * 2_000, 3), (4_000 * 3_000, 4), (40_000_000, 4)]
        {
            assert_eq!(Megapixels::of(pixels), Megapixels(megapixels), "{pixels}");
        }
    }

    #[test]
    fn only_a_request_that_certainly_cost_nothing_is_free() {
        let refused = |status: u16, headers: &[(&'static str, &'static str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().expect("a name"), http::HeaderValue::from_static(value)));
            let status = StatusCode::from_u16(status).expect("a status");
            let error = FalError::of_response(status, &headers.collect::<HeaderMap>(), b"");
            RequestError::Refused(status, error)
        };
        let id = [("x-fal-request-id", "r")];
        let not_started = [("x-fal-request-timeout-type", "user")];
        for (status, headers, free) in [
            (401, &id[..], true),
            (403, &id, true),
            (404, &id, true),
            (429, &id, true),
            (400, &id, true),
            (422, &id, false),
            (307, &[], true),
            (500, &id, true),
            (502, &id, true),
            (503, &[], true),
            (504, &id, true),
            (504, &not_started, true),
            (502, &[], false),
            (504, &[], false),
        ] {
            assert_eq!(is_free(&refused(status, headers)), free, "{status} {headers:?}");
        }
        assert!(is_free(&RequestError::from(HttpError::NotSent)));
        assert!(is_free(&RequestError::unbuildable()));
        assert!(!is_free(&RequestError::from(HttpError::NotAnswered)));
        assert!(!is_free(&RequestError::from(HttpError::TooLong { most_bytes: 1 })));
    }
}
