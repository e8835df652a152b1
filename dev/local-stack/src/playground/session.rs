//! What the page asks for at its start: a token for a user, and the facts about this stack.

use std::sync::Arc;

use aws_double::lambda::PAYLOAD_LIMIT_BYTES;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Json, Response};
use common::identity::UserId;
use common::photos::{MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS};
use common::uploads::MAX_UPLOAD_BYTES;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Settings;
use crate::settings::{FAL_PATH, Fal};
use crate::users;

/// Room in an event for headers, prompt and options, in bytes.
const ROOM_BESIDE_PHOTOS: usize = 256 * 1024;

/// The limit for all inline photos of a request, in bytes: base64 turns three into four, and an event is
/// limited.
const INLINE_BYTES_TOGETHER: usize = (PAYLOAD_LIMIT_BYTES - ROOM_BESIDE_PHOTOS) / 4 * 3;

#[derive(Deserialize)]
pub(super) struct Parameters {
    user: Option<String>,
}

/// `GET /_local/session?user=demo`
pub(super) async fn session(
    State(settings): State<Arc<Settings>>,
    Query(Parameters { user }): Query<Parameters>,
) -> Response {
    let user = user.as_deref().unwrap_or(users::USER);
    let session = UserId::parse(user).map_err(|error| format!("The user {error}.")).and_then(|user| {
        let token = users::token(&settings.key, user.as_str()).map_err(|error| error.to_string())?;
        Ok(described(&settings, &user, &token))
    });
    match session {
        Ok(session) => ([(header::CACHE_CONTROL, "no-store")], Json(session)).into_response(),
        Err(detail) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "detail": detail }))).into_response(),
    }
}

fn described(settings: &Settings, user: &UserId, token: &str) -> Value {
    let fal = match &settings.fal {
        Fal::Double => json!({"kind": "double", "control": format!("{FAL_PATH}/_control")}),
        Fal::Server(url) => json!({"kind": "server", "host": url.host_str()}),
        Fal::Real => json!({"kind": "real"}),
    };
    let model = settings.batch.image_to_image;
    json!({
        "user_id": user,
        "token": token,
        "stack_url": settings.url.as_str(),
        "fal": fal,
        "coins_per_batch": settings.batch.coins,
        "photos": {
            "model": model.endpoint(),
            "most_sent": model.max_photos(),
            "most_accepted": generate_image::most_photos(model),
            "inline_bytes": MAX_PHOTO_BYTES,
            "inline_bytes_together": INLINE_BYTES_TOGETHER,
            "upload_bytes": MAX_UPLOAD_BYTES,
            "pixels": MAX_PHOTO_PIXELS,
        },
    })
}
