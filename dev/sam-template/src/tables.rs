//! The template's tables, and their creation on any DynamoDB server.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, LocalSecondaryIndex,
    Projection, ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
    TimeToLiveStatus,
};
use serde::Deserialize;

/// The longest wait for a new table. Local servers are ready at once; AWS needs some seconds.
const ACTIVE_TIMEOUT: Duration = Duration::from_secs(60);

/// One DynamoDB table, in CloudFormation's words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TableSpec {
    /// Its local name, such as `potret-profiles`.
    #[serde(skip)]
    pub name: String,
    attribute_definitions: Vec<AttributeSpec>,
    key_schema: Vec<KeySpec>,
    #[serde(default)]
    local_secondary_indexes: Vec<IndexSpec>,
    #[serde(default)]
    global_secondary_indexes: Vec<IndexSpec>,
    time_to_live_specification: Option<ExpirySpec>,
}

/// An attribute in the key of a table or an index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeSpec {
    attribute_name: String,
    /// `S`, `N` or `B`.
    attribute_type: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeySpec {
    attribute_name: String,
    /// `HASH` or `RANGE`.
    key_type: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IndexSpec {
    index_name: String,
    key_schema: Vec<KeySpec>,
    projection: ProjectionSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProjectionSpec {
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    projection_type: String,
    /// The attributes that `INCLUDE` copies.
    non_key_attributes: Option<Vec<String>>,
}

/// The attribute with the expiry time, in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ExpirySpec {
    attribute_name: String,
    enabled: bool,
}

/// Creates the missing tables and waits until all tables are active. Works with any DynamoDB server, and may
/// run again or at the same time elsewhere.
///
/// # Errors
///
/// When the server cannot be reached or refuses, or a table exists with another key or without an index.
pub async fn create_missing_tables(client: &Client, tables: &[TableSpec]) -> anyhow::Result<()> {
    for table in tables {
        let name = &table.name;
        create_if_absent(client, table).await.with_context(|| format!("cannot create table {name}"))?;
    }
    for table in tables {
        let description = wait_until_active(client, &table.name).await?;
        check_shape(table, &description)?;
        // Not every emulator knows expiry, and nothing depends on it.
        if let Some(expiry) = table.time_to_live_specification.as_ref().filter(|expiry| expiry.enabled)
            && let Err(error) = enable_ttl(client, &table.name, &expiry.attribute_name).await
        {
            tracing::warn!(table = table.name, error = format!("{error:#}"), "items will not expire");
        }
    }
    Ok(())
}

async fn create_if_absent(client: &Client, table: &TableSpec) -> anyhow::Result<()> {
    let mut request = client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(&table.key_schema)?));
    for AttributeSpec { attribute_name, attribute_type } in &table.attribute_definitions {
        request = request.attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(attribute_name)
                .attribute_type(ScalarAttributeType::from(attribute_type.as_str()))
                .build()?,
        );
    }
    for index in &table.local_secondary_indexes {
        request = request.local_secondary_indexes(
            LocalSecondaryIndex::builder()
                .index_name(&index.index_name)
                .set_key_schema(Some(key_schema(&index.key_schema)?))
                .projection(projection(&index.projection))
                .build()?,
        );
    }
    for index in &table.global_secondary_indexes {
        request = request.global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name(&index.index_name)
                .set_key_schema(Some(key_schema(&index.key_schema)?))
                .projection(projection(&index.projection))
                .build()?,
        );
    }
    match request.send().await.map_err(SdkError::into_service_error) {
        Ok(_) => Ok(()),
        // The table exists, or is being created.
        Err(error) if error.is_resource_in_use_exception() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn wait_until_active(client: &Client, name: &str) -> anyhow::Result<TableDescription> {
    let start = Instant::now();
    loop {
        let described = client.describe_table().table_name(name).send().await;
        let description = match described.map_err(SdkError::into_service_error) {
            Ok(response) => response.table,
            // Table descriptions are eventually consistent: a new table may be unknown yet.
            Err(error) if error.is_resource_not_found_exception() => None,
            Err(error) => return Err(error).with_context(|| format!("cannot describe table {name}")),
        };
        if let Some(table) = description
            && table.table_status == Some(TableStatus::Active)
        {
            return Ok(table);
        }
        if start.elapsed() > ACTIVE_TIMEOUT {
            bail!("table {name} is still not active after {} s", ACTIVE_TIMEOUT.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A table of an older template would fail later, with a message that does not say why.
fn check_shape(table: &TableSpec, found: &TableDescription) -> anyhow::Result<()> {
    let local = found.local_secondary_indexes().iter().filter_map(|index| index.index_name());
    let global = found.global_secondary_indexes().iter().filter_map(|index| index.index_name());
    let indexes: Vec<_> = local.chain(global).collect();
    let mut wanted = table.local_secondary_indexes.iter().chain(&table.global_secondary_indexes);
    ensure!(
        found.key_schema() == key_schema(&table.key_schema)?
            && wanted.all(|index| indexes.contains(&index.index_name.as_str())),
        "table {} exists with another key or without an index that the template has: delete it",
        table.name
    );
    Ok(())
}

async fn enable_ttl(client: &Client, name: &str, attribute: &str) -> anyhow::Result<()> {
    let response = client.describe_time_to_live().table_name(name).send().await?;
    let status = response.time_to_live_description.and_then(|found| found.time_to_live_status);
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let setting = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build()?;
    client.update_time_to_live().table_name(name).time_to_live_specification(setting).send().await?;
    Ok(())
}

fn key_schema(keys: &[KeySpec]) -> anyhow::Result<Vec<KeySchemaElement>> {
    let element = |key: &KeySpec| {
        let element = KeySchemaElement::builder().attribute_name(&key.attribute_name);
        Ok(element.key_type(KeyType::from(key.key_type.as_str())).build()?)
    };
    keys.iter().map(element).collect()
}

fn projection(spec: &ProjectionSpec) -> Projection {
    Projection::builder()
        .projection_type(ProjectionType::from(spec.projection_type.as_str()))
        .set_non_key_attributes(spec.non_key_attributes.clone())
        .build()
}
