//! The integration tests. Each test starts its own stack and calls it over HTTP.

mod description;
mod flaky_dynamodb;
mod harness;
mod pictures;
mod recorder;

mod add_coins;
mod api_description;
mod authorizer;
mod coin_balance;
mod conformance;
mod crashes;
mod create_upload;
mod debug_last_prompt;
mod emulator;
mod fal_failures;
mod fal_key;
mod fixtures;
mod generate_image;
mod generations;
mod growth;
mod guards;
mod idempotency;
mod languages;
mod local_stack;
mod metrics;
mod permissions;
mod photos;
mod playground;
mod processes;
mod prompt_options;
mod prompt_preview;
mod races;
mod secrets;
mod tidy;
