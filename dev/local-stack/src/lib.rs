//! The local stack: API Gateway, Lambda, DynamoDB, S3 and fal in one process, for laptops and tests.
//!
//! The functions' own handlers run here behind events like the real ones. Nothing that is deployed depends on
//! this crate.

mod access;
pub mod binaries;
pub mod demo;
pub mod docs;
pub mod functions;
mod listener;
pub mod playground;
pub mod settings;
pub mod stack;
pub mod storage;
pub mod users;
