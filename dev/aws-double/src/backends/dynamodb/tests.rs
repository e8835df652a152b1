//! The embedded DynamoDB does what the coin ledger needs, and missing tables are created.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TimeToLiveStatus, TransactWriteItem, Update,
};
use sam_template::tables::create_missing_tables;
use sam_template::{AuthMode, IndexSpec, KeySpec, LocalStack, TableSpec};

use super::*;
use crate::backends::{Connection, Identity};

fn tables() -> Vec<TableSpec> {
    LocalStack::new("potret", AuthMode::Jwt).resources().unwrap().tables
}

fn client(server: &EmbeddedDynamoDb) -> Client {
    Connection::new(server.endpoint().clone(), Identity::local()).dynamodb()
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

#[tokio::test]
async fn creating_tables_again_or_in_parallel_changes_nothing() {
    let server = EmbeddedDynamoDb::start(None).await.unwrap();
    let client = client(&server);
    let tables = tables();
    let (first, second) =
        tokio::join!(create_missing_tables(&client, &tables), create_missing_tables(&client, &tables));
    first.unwrap();
    second.unwrap();
    create_missing_tables(&client, &tables).await.unwrap();

    let names = client.list_tables().send().await.unwrap().table_names.unwrap();
    assert_eq!(names, ["potret-generations", "potret-ledger", "potret-profiles"]);
    let expiry = client.describe_time_to_live().table_name("potret-generations").send().await.unwrap();
    let expiry = expiry.time_to_live_description.unwrap();
    assert_eq!(expiry.time_to_live_status, Some(TimeToLiveStatus::Enabled));
    assert_eq!(expiry.attribute_name.as_deref(), Some("expires_at"));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_refused_transaction_writes_nothing_and_returns_the_old_item() {
    let server = EmbeddedDynamoDb::start(None).await.unwrap();
    let client = client(&server);
    create_missing_tables(&client, &tables()).await.unwrap();
    let profile = client.put_item().table_name("potret-profiles").item("user_id", text("u"));
    profile.item("coins_balance", AttributeValue::N("3".to_owned())).send().await.unwrap();

    let entry = Put::builder().table_name("potret-ledger").item("entry_id", text("charge#1"));
    let charge = Update::builder()
        .table_name("potret-profiles")
        .key("user_id", text("u"))
        .update_expression("SET coins_balance = coins_balance - :coins")
        .condition_expression("coins_balance >= :coins")
        .expression_attribute_values(":coins", AttributeValue::N("5".to_owned()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let error = client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(entry.build().unwrap()).build())
        .transact_items(TransactWriteItem::builder().update(charge.build().unwrap()).build())
        .send()
        .await
        .unwrap_err()
        .into_service_error();

    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError
        ::TransactionCanceledException(refusal) = error else { panic!("{error:?}") };
    let reasons = refusal.cancellation_reasons();
    assert_eq!(reasons[0].code(), Some("None"));
    assert_eq!(reasons[1].code(), Some("ConditionalCheckFailed"));
    assert_eq!(reasons[1].item().unwrap()["coins_balance"], AttributeValue::N("3".to_owned()));
    let entries = client.scan().table_name("potret-ledger").send().await.unwrap();
    assert_eq!(entries.count, 0);
}

#[tokio::test]
async fn a_data_folder_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = EmbeddedDynamoDb::start(Some(folder.path())).await.unwrap();
    create_missing_tables(&client(&server), &tables()).await.unwrap();
    let put = client(&server).put_item().table_name("potret-profiles").item("user_id", text("kept"));
    put.send().await.unwrap();
    server.stop().await.unwrap();

    let server = EmbeddedDynamoDb::start(Some(folder.path())).await.unwrap();
    create_missing_tables(&client(&server), &tables()).await.unwrap();
    let items = client(&server).scan().table_name("potret-profiles").send().await.unwrap();
    assert_eq!(items.items()[0]["user_id"], text("kept"));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_table_with_another_key_or_index_is_refused() {
    let server = EmbeddedDynamoDb::start(None).await.unwrap();
    let client = client(&server);
    let key = |partition: &str| KeySpec { partition: partition.to_owned(), sort: None };
    let table = |partition: &str| TableSpec {
        name: "things".to_owned(),
        attribute_types: BTreeMap::from([(partition.to_owned(), "S".to_owned())]),
        key: key(partition),
        local_indexes: vec![],
        global_indexes: vec![],
        ttl_attribute: None,
    };
    create_missing_tables(&client, &[table("id")]).await.unwrap();
    let error = create_missing_tables(&client, &[table("name")]).await.unwrap_err();
    assert!(error.to_string().contains("table things exists with another key"), "{error}");

    let mut indexed = table("id");
    let index = IndexSpec {
        name: "by_id".to_owned(),
        key: key("id"),
        projection: "ALL".to_owned(),
        included: vec![],
    };
    indexed.global_indexes.push(index);
    let error = create_missing_tables(&client, &[indexed]).await.unwrap_err();
    assert!(error.to_string().contains("without an index"), "{error}");
}

#[tokio::test]
async fn a_stopped_server_accepts_no_connections() {
    let server = EmbeddedDynamoDb::start(None).await.unwrap();
    let client = client(&server);
    client.list_tables().send().await.unwrap();
    let address = server.endpoint().socket_addrs(|| None).unwrap()[0];
    server.stop().await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
