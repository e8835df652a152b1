//! The tables and buckets of the template.

use std::collections::BTreeMap;

use super::intrinsics::Resolver;
use super::node::Node;
use super::{IndexSpec, KeySpec, TableSpec};

pub(super) fn tables(resolver: &Resolver<'_>) -> anyhow::Result<Vec<TableSpec>> {
    let mut tables = Vec::new();
    for (logical_id, table) in resolver.resources("AWS::DynamoDB::Table")? {
        let properties = table.need("Properties")?;
        let mut attribute_types = BTreeMap::new();
        for attribute in properties.need("AttributeDefinitions")?.items()? {
            let name = resolver.text(&attribute.need("AttributeName")?)?;
            attribute_types.insert(name, resolver.text(&attribute.need("AttributeType")?)?);
        }
        tables.push(TableSpec {
            name: resolver.local_name(logical_id),
            attribute_types,
            key: key(resolver, &properties)?,
            local_indexes: indexes(resolver, &properties, "LocalSecondaryIndexes")?,
            global_indexes: indexes(resolver, &properties, "GlobalSecondaryIndexes")?,
            ttl_attribute: ttl_attribute(resolver, &properties)?,
        });
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tables)
}

/// The local name of every S3 bucket.
pub(super) fn buckets(resolver: &Resolver<'_>) -> anyhow::Result<Vec<String>> {
    let buckets = resolver.resources("AWS::S3::Bucket")?;
    let mut names: Vec<_> = buckets.iter().map(|(id, _)| resolver.local_name(id)).collect();
    names.sort();
    Ok(names)
}

fn indexes(resolver: &Resolver<'_>, table: &Node<'_>, kind: &str) -> anyhow::Result<Vec<IndexSpec>> {
    let Some(indexes) = table.get(kind) else { return Ok(Vec::new()) };
    let index = |index: &Node<'_>| {
        let projection = index.need("Projection")?;
        Ok(IndexSpec {
            name: resolver.text(&index.need("IndexName")?)?,
            key: key(resolver, index)?,
            projection: resolver.text(&projection.need("ProjectionType")?)?,
            included: (projection.get("NonKeyAttributes"))
                .map_or(Ok(Vec::new()), |attributes| resolver.texts(&attributes))?,
        })
    };
    indexes.items()?.iter().map(index).collect()
}

/// The key of a table or an index.
fn key(resolver: &Resolver<'_>, owner: &Node<'_>) -> anyhow::Result<KeySpec> {
    let schema = owner.need("KeySchema")?;
    let (mut partition, mut sort) = (None, None);
    for element in schema.items()? {
        let kind = element.need("KeyType")?;
        let attribute = resolver.text(&element.need("AttributeName")?)?;
        match resolver.text(&kind)?.as_str() {
            "HASH" => partition = Some(attribute),
            "RANGE" => sort = Some(attribute),
            _ => return Err(kind.error("HASH or RANGE expected")),
        }
    }
    let partition = partition.ok_or_else(|| schema.error("a HASH key is missing"))?;
    Ok(KeySpec { partition, sort })
}

fn ttl_attribute(resolver: &Resolver<'_>, table: &Node<'_>) -> anyhow::Result<Option<String>> {
    match table.get("TimeToLiveSpecification") {
        Some(settings) if resolver.text(&settings.need("Enabled")?)? == "true" => {
            resolver.text(&settings.need("AttributeName")?).map(Some)
        }
        _ => Ok(None),
    }
}
