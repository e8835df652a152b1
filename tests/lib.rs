//! What the integration tests in `it/` share with the benchmark in `benches/`: a user with a past.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use common::generations::{Generation, Generations};
use common::identity::UserId;
use common::ids::GenerationId;
use common::tables::GenerationsTable;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::SignedDuration;

/// The most writes of one `BatchWriteItem`.
const WRITES_A_CALL: usize = 25;

/// How many of these calls run at the same time.
const CALLS_AT_ONCE: usize = 8;

/// Gives `user`, who has generated once, `count` generations more, each a second older than the one before.
///
/// # Panics
///
/// When the table cannot be read or written.
pub async fn give_a_past(client: &Client, table: &GenerationsTable, user: &UserId, count: usize) {
    let newest = Generations::new(client.clone(), table.clone()).newest(user).await;
    let newest = newest.expect("a readable table").expect("a generation");
    let write = |age: usize| {
        let seconds = i64::try_from(age).expect("not that old");
        let older = Generation {
            generation_id: GenerationId::random(),
            created_at: newest.created_at - SignedDuration::from_secs(seconds),
            ..newest.clone()
        };
        let item = serde_dynamo::to_item(older).expect("an item");
        WriteRequest::builder()
            .put_request(PutRequest::builder().set_item(Some(item)).build().expect("a put"))
            .build()
    };
    let writes: Vec<_> = (1..=count).map(write).collect();
    let calls = stream::iter(writes.chunks(WRITES_A_CALL).map(<[_]>::to_vec)).map(|writes| async {
        client.batch_write_item().request_items(table.name(), writes).send().await.map(drop)
    });
    calls.buffer_unordered(CALLS_AT_ONCE).try_collect::<()>().await.expect("written");
}
