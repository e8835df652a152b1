//! The local stack: API Gateway, Lambda, DynamoDB, S3 and fal in one process, for laptops and tests.
//!
//! The functions' own handlers run here behind events like the real ones. Nothing that is deployed depends on
//! this crate.

pub mod audit;
pub mod backends;
pub mod binaries;
pub mod demo;
pub mod docs;
pub mod fal_double;
pub mod functions;
pub mod gateway;
pub mod import;
pub mod invoke_api;
pub mod lambda;
pub mod place;
pub mod playground;
pub mod settings;
pub mod stack;
pub mod template;
pub mod tokens;
