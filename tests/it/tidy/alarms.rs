//! Rules about alarms and the dashboard: every metric that they name exists, under that very name.

use std::collections::BTreeSet;

use common::metrics::{Metric, NAMESPACE};
use fal_double::Fault;
use serde_json::Value;

use super::template::{resources, template};
use super::{file, refuse};
use crate::harness::Potret;
use crate::metrics::{a_batch, invoke};

/// Metrics that AWS itself makes, with the dimensions under which it makes them:
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

/// A metric as an alarm or a widget names it: the dimension's value is a resource of the template.
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

/// What the alarms are on. An alarm has one metric, or calculates with several.
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

/// What the dashboard shows. `.` is what the row above has there, `...` the whole row.
fn shown() -> Vec<Named> {
    let mut named = Vec::new();
    for widget in dashboard()["widgets"].as_array().expect("widgets") {
        let mut above: Vec<String> = Vec::new();
        for row in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let texts: Vec<_> =
                row.as_array().expect("a row").iter().filter(|cell| cell.is_string()).map(text).collect();
            if texts != ["..."] {
                let same = |(place, cell): (usize, &String)| {
                    if cell == "." { above[place].clone() } else { cell.clone() }
                };
                above = texts.iter().enumerate().map(same).collect();
            }
            let [namespace, metric, dimension, value] = above.clone().try_into().expect("one dimension");
            let resource = value.trim_start_matches("${").trim_end_matches('}').to_owned();
            named.push(Named {
                by: text(&widget["properties"]["title"]),
                namespace,
                metric,
                dimension,
                resource,
            });
        }
    }
    named
}

/// Brings about what the alarm is for, and answers the line of metrics that came of it.
async fn bring_about(metric: &str) -> Value {
    let potret = Potret::start().await;
    potret.user_with("merchant", 1).await;
    match metric {
        "FalKeyRefused" => potret.fal_fails(Fault::BadKey),
        "FalAccountLocked" => potret.fal_fails(Fault::AccountLocked),
        "HoldsPastLease" => drop(potret.leave_a_hold_past_its_lease().await),
        _ => panic!("say here how {metric} comes about"),
    }
    invoke(&potret, "generate-image", a_batch()).await.metrics
}

#[tokio::test]
async fn every_alarm_of_ours_is_on_a_metric_that_is_emitted_under_its_namespace_name_and_dimension() {
    let ours: Vec<_> = alarmed().into_iter().filter(|named| !named.namespace.starts_with("AWS/")).collect();
    assert!(ours.len() >= 3, "{ours:?}");
    for Named { by, namespace, metric, dimension, resource } in ours {
        let line = bring_about(&metric).await;
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], namespace, "{by}");
        assert_eq!(directive["Dimensions"], serde_json::json!([[dimension]]), "{by}");
        let names = directive["Metrics"].as_array().expect("metrics");
        assert!(names.iter().any(|declared| declared["Name"] == metric), "{by}: {line}");
        let function = resources().functions.into_iter().find(|function| function.logical_id == resource);
        assert_eq!(line[&dimension], function.expect("the alarm's function").name, "{by}");
        assert!(line[&metric].as_f64().is_some_and(|value| value > 0.0), "{by}: {line}");
    }
}

#[test]
fn every_metric_that_is_alarmed_or_shown_exists() {
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
            let is_there = match named.dimension.as_str() {
                "ApiId" => named.resource == "Api",
                _ => functions.contains(&named.resource),
            };
            is_there && OF_AWS.contains(&(namespace, named.metric.as_str(), named.dimension.as_str()))
        }
    };
    let missing = alarmed().into_iter().chain(shown()).filter(|named| !exists(named));
    refuse(&missing.map(|named| format!("{named:?}")).collect::<Vec<_>>(), "nobody emits these:");
}

#[test]
fn every_alarm_tells_somebody_is_on_the_dashboard_and_in_the_manual() {
    let (dashboard, manual) = (dashboard().to_string(), file("docs/operate.md"));
    let mut breaches = Vec::new();
    for (name, alarm) in of_type("AWS::CloudWatch::Alarm") {
        if alarm["AlarmActions"] != serde_json::json!([{"Ref": "AlarmTopic"}]) {
            breaches.push(format!("{name} has another action than AlarmTopic"));
        }
        if alarm["TreatMissingData"] != "notBreaching" {
            breaches
                .push(format!("{name} must take silence for peace: without requests there are no metrics"));
        }
        if !dashboard.contains(&format!("${{{name}.Arn}}")) {
            breaches.push(format!("{name} is not on the dashboard"));
        }
        if !manual.contains(&format!("`{name}`")) {
            breaches.push(format!("{name} is not in docs/operate.md"));
        }
    }
    refuse(&breaches, "an alarm must reach somebody who knows what to do:");
}
