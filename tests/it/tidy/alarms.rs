//! Rules about alarms and the dashboard: every metric that they name exists.

mod causes;

use std::collections::BTreeSet;

use common::metrics::{Metric, NAMESPACE};
use serde_json::{Value, json};

use super::template::{resources, template};
use super::{file, refuse};

use causes::bring_about;

/// Metrics of AWS itself, with their dimensions:
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>,
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html> and
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html>.
const OF_AWS: [(&str, &str, &str); 9] = [
    ("AWS/DynamoDB", "ReadThrottleEvents", "TableName"),
    ("AWS/DynamoDB", "WriteThrottleEvents", "TableName"),
    ("AWS/Lambda", "ConcurrentExecutions", "FunctionName"),
    ("AWS/Lambda", "Duration", "FunctionName"),
    ("AWS/Lambda", "Errors", "FunctionName"),
    ("AWS/Lambda", "Throttles", "FunctionName"),
    ("AWS/ApiGateway", "4xx", "ApiId"),
    ("AWS/ApiGateway", "5xx", "ApiId"),
    ("AWS/ApiGateway", "Count", "ApiId"),
];

/// A metric as an alarm or a widget names it. The value of the dimension is a resource of the template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    by: String,
    namespace: String,
    metric: String,
    dimension: String,
    resource: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text expected: {value}")).to_owned()
}

/// The resource whose name a value is. A restored table may take the place of a table.
fn resource(value: &Value) -> String {
    match value["Fn::If"].as_array().map(Vec::as_slice) {
        Some([condition, _, own]) if condition == "TablesAreRestored" => text(&own["Ref"]),
        _ => text(&value["Ref"]),
    }
}

fn of_type(kind: &str) -> Vec<(String, Value)> {
    let resources = template()["Resources"].as_object().expect("resources").clone();
    let of_type = resources.into_iter().filter(|(_, resource)| resource["Type"] == kind);
    of_type.map(|(name, resource)| (name, resource["Properties"].clone())).collect()
}

/// The metrics of the alarms. An alarm has one metric, or calculates with several.
fn alarmed() -> Vec<Named> {
    let mut named = Vec::new();
    for (by, alarm) in of_type("AWS::CloudWatch::Alarm") {
        let several = alarm["Metrics"].as_array().into_iter().flatten();
        let several = several.filter_map(|metric| metric.pointer("/MetricStat/Metric"));
        for metric in several.chain(alarm.get("MetricName").map(|_| &alarm)) {
            let [dimension] = metric["Dimensions"].as_array().expect("dimensions").as_slice() else {
                panic!("{by}: one dimension expected");
            };
            named.push(Named {
                by: by.clone(),
                namespace: text(&metric["Namespace"]),
                metric: text(&metric["MetricName"]),
                dimension: text(&dimension["Name"]),
                resource: resource(&dimension["Value"]),
            });
        }
    }
    named
}

fn dashboard() -> Value {
    let (_, dashboard) = of_type("AWS::CloudWatch::Dashboard").remove(0);
    serde_json::from_str(&text(&dashboard["DashboardBody"]["Fn::Sub"])).expect("the dashboard is JSON")
}

/// The metrics of the dashboard. `.` repeats a cell of the row above, and `...` the whole row.
fn shown() -> Vec<Named> {
    let mut named = Vec::new();
    for widget in dashboard()["widgets"].as_array().expect("widgets") {
        let mut above: Vec<String> = Vec::new();
        for row in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let cells = row.as_array().expect("a row").iter();
            let mut row: Vec<_> = cells.filter(|cell| cell.is_string()).map(text).collect();
            if row == ["..."] {
                row.clone_from(&above);
            } else {
                let repeated = row.iter_mut().enumerate().filter(|(_, cell)| *cell == ".");
                repeated.for_each(|(place, cell)| cell.clone_from(&above[place]));
            }
            above.clone_from(&row);
            let [namespace, metric, dimension, value] = row.try_into().expect("one dimension");
            let resource = value.trim_start_matches("${").trim_end_matches('}').to_owned();
            let by = text(&widget["properties"]["title"]);
            named.push(Named { by, namespace, metric, dimension, resource });
        }
    }
    named
}

/// The metrics that CloudWatch makes of lines of a log, as (namespace, metric, dimension, resource), with the lines'
/// log and what is counted.
fn filtered() -> Vec<(Named, Value)> {
    let of_filter = |(by, filter): (String, Value)| {
        let metric = filter["MetricTransformations"][0].clone();
        let [dimension] = metric["Dimensions"].as_array().expect("dimensions").as_slice() else {
            panic!("{by}: one dimension expected");
        };
        let named = Named {
            by,
            namespace: text(&metric["MetricNamespace"]),
            metric: text(&metric["MetricName"]),
            dimension: text(&dimension["Key"]),
            resource: "Api".to_owned(),
        };
        (named, filter)
    };
    of_type("AWS::Logs::MetricFilter").into_iter().map(of_filter).collect()
}

fn is_filtered(named: &Named) -> bool {
    filtered().into_iter().any(|(filtered, _)| Named { by: named.by.clone(), ..filtered } == *named)
}

#[tokio::test]
async fn the_metric_of_every_alarm_is_emitted_with_its_namespace_and_dimension() {
    let mut ours = alarmed();
    ours.retain(|named| !named.namespace.starts_with("AWS/") && !is_filtered(named));
    assert!(ours.len() >= 15, "{ours:?}");
    for Named { by, namespace, metric, dimension, resource } in ours {
        let function = resources().functions.into_iter().find(|function| function.logical_id == resource);
        let function = function.expect("the alarm's function").name;
        let line = bring_about(&metric, &function).await;
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], namespace, "{by}");
        assert_eq!(directive["Dimensions"], json!([[dimension]]), "{by}");
        let names = directive["Metrics"].as_array().expect("metrics");
        assert!(names.iter().any(|declared| declared["Name"] == metric), "{by}: {line}");
        assert_eq!(line[&dimension], function, "{by}");
        // Several measurements of one invocation are a list.
        let value = line[&metric].get(0).unwrap_or(&line[&metric]).as_f64();
        assert!(value.is_some_and(|value| value > 0.0), "{by}: {line}");
    }
}

#[test]
fn every_metric_of_an_alarm_or_the_dashboard_exists() {
    let ours: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    let functions: BTreeSet<_> =
        resources().functions.into_iter().map(|function| function.logical_id).collect();
    let exists = |named: &Named| match named.namespace.as_str() {
        _ if is_filtered(named) => true,
        NAMESPACE => {
            ours.contains(&named.metric)
                && named.dimension == "service"
                && functions.contains(&named.resource)
        }
        namespace => {
            let has_resource = match named.dimension.as_str() {
                "ApiId" => named.resource == "Api",
                "TableName" => template()["Resources"][&named.resource]["Type"] == "AWS::DynamoDB::Table",
                _ => functions.contains(&named.resource),
            };
            has_resource && OF_AWS.contains(&(namespace, named.metric.as_str(), named.dimension.as_str()))
        }
    };
    let missing = alarmed().into_iter().chain(shown()).filter(|named| !exists(named));
    refuse(
        &missing.map(|named| format!("{named:?}")).collect::<Vec<_>>(),
        "correct the names of these metrics:",
    );
}

#[test]
fn every_alarm_notifies_the_topic_and_is_on_the_dashboard_and_in_the_manual() {
    let (dashboard, manual) = (dashboard().to_string(), file("docs/operate.md"));
    let mut breaches = Vec::new();
    for (name, alarm) in of_type("AWS::CloudWatch::Alarm") {
        let facts = [
            ("notifies AlarmTopic and nobody else", alarm["AlarmActions"] == json!([{"Ref": "AlarmTopic"}])),
            // Without requests there are no metrics.
            ("does not fire on missing data", alarm["TreatMissingData"] == "notBreaching"),
            ("is on the dashboard", dashboard.contains(&format!("${{{name}.Arn}}"))),
            ("is in docs/operate.md", manual.contains(&format!("`{name}`"))),
        ];
        let wrong = facts.into_iter().filter(|(_, is_so)| !is_so);
        breaches.extend(wrong.map(|(fact, _)| format!("{name}: {fact}")));
    }
    refuse(&breaches, "complete these alarms, so that each is as it says here:");
}

/// The filter reads lines of the access log, which has every value as a text.
#[test]
fn the_api_counts_the_requests_that_it_throttles() {
    let api = &template()["Resources"]["Api"]["Properties"];
    let format = text(&api["AccessLogSettings"]["Format"]["Fn::Sub"][0]);
    let fields: Value = serde_json::from_str(&format).expect("each line is a JSON object");
    let filters = filtered();
    let [(named, filter)] = filters.as_slice() else { panic!("one filter expected: {filters:?}") };
    assert_eq!(filter["LogGroupName"], json!({"Ref": "ApiAccessLog"}));
    assert_eq!(api["AccessLogSettings"]["DestinationArn"], json!({"Fn::GetAtt": ["ApiAccessLog", "Arn"]}));
    assert_eq!(filter["FilterPattern"], r#"{ $.status = "429" && $.integration_status != "200" }"#);
    assert_eq!(
        (&fields["status"], &fields["integration_status"]),
        (&json!("$context.status"), &json!("$context.integrationStatus"))
    );
    let dimension = text(&filter["MetricTransformations"][0]["Dimensions"][0]["Value"]);
    assert_eq!(fields[dimension.trim_start_matches("$.")], "$context.apiId", "{named:?}");
}
