//! Rules about alarms and the dashboard: every metric that they name exists.

use std::collections::BTreeSet;
use std::time::Duration;

use common::metrics::{Metric, NAMESPACE};
use fal_double::{Fault, WebhookBehaviour};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::template::{resources, template};
use super::{file, refuse};
use crate::asynchronous::location;
use crate::fixtures::event;
use crate::harness::Setup;

/// Metrics of AWS itself, with their dimensions:
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html> and
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>.
const OF_AWS: [(&str, &str, &str); 6] = [
    ("AWS/Lambda", "ConcurrentExecutions", "FunctionName"),
    ("AWS/Lambda", "Duration", "FunctionName"),
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
                resource: text(&dimension["Value"]["Ref"]),
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

/// Brings about the event that an alarm reports, and returns the line of metrics.
async fn bring_about(metric: &str) -> Value {
    let setup = Setup::default().setting("PULL_AFTER_SECONDS", "1");
    let (potret, merchant) = setup.with_merchant(1).await;
    let a_minute_has_passed = || ("heal-batches", event("heal-batches", "scheduled", "merchant"));
    let a_request = || ("generate-image", event("generate-image", "text-to-image", "merchant"));
    let (function, event) = match metric {
        "FalKeyRefused" => {
            potret.fal_fails(Fault::BadKey);
            a_request()
        }
        "FalAccountLocked" => {
            potret.fal_fails(Fault::AccountLocked);
            a_request()
        }
        "HoldsPastLease" => {
            potret.leave_an_expired_hold().await;
            a_request()
        }
        "WebhooksRefused" => {
            let (_, [address, _]) = potret.leave_a_running_batch(SignedDuration::ZERO).await;
            let mut unsigned = event("fal-webhook", "wrong-token", "merchant");
            unsigned["pathParameters"]["callback"] = json!(address.path().rsplit('/').next());
            ("fal-webhook", unsigned)
        }
        "BatchesLate" => {
            potret.leave_a_running_batch(SignedDuration::from_mins(11)).await;
            a_minute_has_passed()
        }
        "ResultsPulled" => {
            potret.fal().webhooks(WebhookBehaviour { lost: true, ..WebhookBehaviour::default() });
            location(&merchant.start("k", "respond-async").await);
            tokio::time::sleep(Duration::from_millis(1_100)).await;
            a_minute_has_passed()
        }
        _ => panic!("add the event that {metric} counts"),
    };
    potret.invoke(function, &event).await.metrics
}

#[tokio::test]
async fn the_metric_of_every_alarm_is_emitted_with_its_namespace_and_dimension() {
    let ours: Vec<_> = alarmed().into_iter().filter(|named| !named.namespace.starts_with("AWS/")).collect();
    assert!(ours.len() >= 6, "{ours:?}");
    for Named { by, namespace, metric, dimension, resource } in ours {
        let line = bring_about(&metric).await;
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], namespace, "{by}");
        assert_eq!(directive["Dimensions"], json!([[dimension]]), "{by}");
        let names = directive["Metrics"].as_array().expect("metrics");
        assert!(names.iter().any(|declared| declared["Name"] == metric), "{by}: {line}");
        let function = resources().functions.into_iter().find(|function| function.logical_id == resource);
        assert_eq!(line[&dimension], function.expect("the alarm's function").name, "{by}");
        assert!(line[&metric].as_f64().is_some_and(|value| value > 0.0), "{by}: {line}");
    }
}

#[test]
fn every_metric_of_an_alarm_or_the_dashboard_exists() {
    let ours: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    let functions: BTreeSet<_> =
        resources().functions.into_iter().map(|function| function.logical_id).collect();
    let exists = |named: &Named| match named.namespace.as_str() {
        NAMESPACE => {
            ours.contains(&named.metric)
                && named.dimension == "service"
                && functions.contains(&named.resource)
        }
        namespace => {
            let has_resource = match named.dimension.as_str() {
                "ApiId" => named.resource == "Api",
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
