//! An embedded DynamoDB.

use std::path::Path;

use anyhow::{Context, anyhow};
use dynoxide::Database;

use super::Server;

/// Starts a DynamoDB with its data in `dynamodb.sqlite` of that folder, or in memory.
///
/// # Errors
///
/// When the folder cannot be written, the file is not a database, or no port is free.
pub async fn start(data_dir: Option<&Path>) -> anyhow::Result<Server> {
    let database = match data_dir {
        None => Database::memory()?,
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
            let file = folder.join("dynamodb.sqlite");
            let path = file.to_str().ok_or_else(|| anyhow!("{} is not UTF-8", file.display()))?;
            Database::new(path).with_context(|| format!("cannot open {path}"))?
        }
    };
    Server::start(async |listener, stopped| {
        let stopped = async { drop(stopped.await) };
        let served = dynoxide::server::serve_with_shutdown(listener, database, stopped).await;
        served.map_err(|error| anyhow!("DynamoDB: {error}"))
    })
    .await
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::TimeToLiveStatus;
    use sam_template::tables::{TableSpec, create_missing_tables};
    use sam_template::{AuthMode, LocalStack};
    use serde_json::json;

    use super::*;
    use crate::backends::{Connection, Identity};

    #[tokio::test]
    async fn creating_tables_again_or_in_parallel_changes_nothing() {
        let server = start(None).await.unwrap();
        let client = Connection::new(server.endpoint().clone(), Identity::local()).dynamodb();
        let tables = LocalStack::new("potret", AuthMode::Jwt).resources().unwrap().tables;
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

        let address = server.endpoint().socket_addrs(|| None).unwrap()[0];
        server.stop().await.unwrap();
        assert!(tokio::net::TcpStream::connect(address).await.is_err(), "a stopped server");
    }

    #[tokio::test]
    async fn a_table_with_another_key_or_index_is_refused() {
        let server = start(None).await.unwrap();
        let client = Connection::new(server.endpoint().clone(), Identity::local()).dynamodb();
        let key = |name: &str| json!([{"AttributeName": name, "KeyType": "HASH"}]);
        let index =
            json!({"IndexName": "by_id", "KeySchema": key("id"), "Projection": {"ProjectionType": "ALL"}});
        let create = async |key_name: &str, indexes: &[&serde_json::Value]| {
            let mut table: TableSpec = serde_json::from_value(json!({
                "AttributeDefinitions": [{"AttributeName": key_name, "AttributeType": "S"}],
                "KeySchema": key(key_name),
                "GlobalSecondaryIndexes": indexes,
            }))
            .unwrap();
            table.name = "things".to_owned();
            create_missing_tables(&client, &[table]).await.map_err(|error| error.to_string())
        };
        create("id", &[]).await.unwrap();
        for (key, indexes) in [("name", &[][..]), ("id", &[&index])] {
            let error = create(key, indexes).await.unwrap_err();
            assert!(error.contains("table things exists with another key or without an index"), "{error}");
        }
    }
}
