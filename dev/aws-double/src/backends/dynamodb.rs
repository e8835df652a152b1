//! An embedded DynamoDB.

use std::path::Path;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use dynoxide::{Database, DynoxideError};
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use sam_template::LOOPBACK;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tower_http::cors::{Any, CorsLayer};
use uuid::Uuid;

use super::{Server, readable_by};
use crate::guard::Guard;

/// The largest request body, in bytes.
const BODY_LIMIT_BYTES: usize = 16 * 1024 * 1024;

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Starts a DynamoDB with its data in `dynamodb.sqlite` of that folder, or in memory. It checks no signature, so
/// it is for the programs and pages of this machine only.
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
    let cors = CorsLayer::new()
        .allow_origin(readable_by(&[LOOPBACK.to_owned()]))
        .allow_methods([Method::POST])
        .allow_headers(Any);
    // The engine's own server answers every page, so it is not used.
    let router = Router::new().route("/", post(serve)).with_state(database);
    let router = router.layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES)).layer(cors);
    Server::start(router, Guard::default()).await
}

async fn serve(State(database): State<Database>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get(TARGET).and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (_, operation) = target.split_once('.').unwrap_or_default();
    let (status, body) = match run(&database, operation, &body) {
        Some(Ok(body)) => (StatusCode::OK, body),
        Some(Err(error)) => {
            let status = StatusCode::from_u16(error.status_code());
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error.to_json())
        }
        None => {
            let error = json!({"__type": "com.amazon.coral.service#UnknownOperationException"});
            (StatusCode::BAD_REQUEST, error.to_string())
        }
    };
    let request_id = Uuid::new_v4().to_string();
    (status, [(header::CONTENT_TYPE, CONTENT_TYPE), (REQUEST_ID, &request_id)], body).into_response()
}

/// A list of operations: for each one, the method of the engine.
macro_rules! operations {
    ($database:ident, $operation:ident, $body:ident, { $($name:literal $method:ident,)+ }) => {
        match $operation {
            $($name => Some(call($body, |request| $database.$method(request))),)+
            _ => None,
        }
    };
}

/// Runs an operation, if DynamoDB has it.
fn run(database: &Database, operation: &str, body: &[u8]) -> Option<dynoxide::Result<String>> {
    operations!(database, operation, body, {
        "BatchExecuteStatement" batch_execute_statement,
        "BatchGetItem" batch_get_item,
        "BatchWriteItem" batch_write_item,
        "CreateTable" create_table,
        "DeleteItem" delete_item,
        "DeleteTable" delete_table,
        "DescribeTable" describe_table,
        "DescribeTimeToLive" describe_time_to_live,
        "ExecuteStatement" execute_statement,
        "ExecuteTransaction" execute_transaction,
        "GetItem" get_item,
        "ListTables" list_tables,
        "ListTagsOfResource" list_tags_of_resource,
        "PutItem" put_item,
        "Query" query,
        "Scan" scan,
        "TagResource" tag_resource,
        "TransactGetItems" transact_get_items,
        "TransactWriteItems" transact_write_items,
        "UntagResource" untag_resource,
        "UpdateItem" update_item,
        "UpdateTable" update_table,
        "UpdateTimeToLive" update_time_to_live,
    })
}

fn call<T: DeserializeOwned, R: Serialize>(
    body: &[u8],
    run: impl FnOnce(T) -> dynoxide::Result<R>,
) -> dynoxide::Result<String> {
    let response = run(serde_json::from_slice(body).map_err(unreadable)?)?;
    serde_json::to_string(&response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// The error of a body that is not a request. The engine marks what DynamoDB can read but finds invalid.
fn unreadable(error: serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    match text.strip_prefix("VALIDATION:").or_else(|| text.strip_prefix("VALIDATION_REQUEST:")) {
        Some(invalid) => DynoxideError::ValidationException(invalid.to_owned()),
        None => DynoxideError::SerializationException(text),
    }
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
    async fn a_wrong_request_is_refused_in_dynamodbs_words() {
        let server = start(None).await.unwrap();
        let refusal = async |operation: &str, body: &str| {
            let request = crate::http_client().post(server.endpoint().clone());
            let request = request.header(TARGET, format!("DynamoDB_20120810.{operation}"));
            let response = request.body(body.to_owned()).send().await.unwrap();
            (
                response.status().as_u16(),
                response.json::<serde_json::Value>().await.unwrap()["__type"].clone(),
            )
        };
        let put = r#"{"TableName": "t", "Item": {"a": {"N": "three"}}}"#;
        for (operation, body, error) in [
            ("MakeCoffee", "{}", "com.amazon.coral.service#UnknownOperationException"),
            ("GetItem", "no JSON", "com.amazon.coral.service#SerializationException"),
            ("PutItem", put, "com.amazon.coral.validate#ValidationException"),
            (
                "DescribeTable",
                r#"{"TableName": "t-t"}"#,
                "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
            ),
        ] {
            assert_eq!(refusal(operation, body).await, (400, json!(error)), "{operation}");
        }
    }

    #[tokio::test]
    async fn a_page_of_another_site_can_neither_read_nor_write() {
        let server = start(None).await.unwrap();
        let from = async |origin: &str, method: Method| {
            let request = crate::http_client().request(method, server.endpoint().clone());
            let request = request.header("origin", origin).header("access-control-request-method", "POST");
            let response =
                request.header(TARGET, "DynamoDB_20120810.ListTables").body("{}").send().await.unwrap();
            let allowed = response.headers().get("access-control-allow-origin").cloned();
            (response.status().as_u16(), allowed.map(|origin| origin.to_str().unwrap().to_owned()))
        };
        let local = "http://localhost:5173";
        for method in [Method::OPTIONS, Method::POST] {
            assert_eq!(from("https://evil.example", method.clone()).await, (403, None));
            assert_eq!(from(local, method).await, (200, Some(local.to_owned())));
        }
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
