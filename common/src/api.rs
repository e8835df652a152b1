//! The HTTP side of every function: endpoints, who calls them, how responses look, and which status every
//! error has.
//!
//! No other module knows a status code.

mod call;
mod clock;
mod endpoint;
mod event;
mod prefer;
mod problem;
mod problems;
mod response;
mod shown;
mod texts;

pub use call::{Anyone, Call, Caller};
pub use clock::Clock;
pub use endpoint::{Endpoint, Route, handle, run};
pub use event::{HttpEvent, request, serve};
pub use prefer::RespondAsync;
pub use problem::{Code, Problem};
pub use response::{Response, accepted, created, ok, public, public_json, with_retry_after};
pub use shown::ShownGeneration;
pub use texts::{Detail, Language, Text};
