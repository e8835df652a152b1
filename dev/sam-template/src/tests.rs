//! The real template has the resources that the functions expect, and mistakes are named by place.

use super::*;

const REAL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml"));

fn local() -> LocalStack {
    let parameters = [
        ("JwtIssuer", "http://127.0.0.1:3000/"),
        ("JwtAudience", "potret"),
        ("AllowedOrigins", "http://localhost:5173, http://127.0.0.1:5173"),
    ];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    LocalStack { name: "potret".to_owned(), parameters: parameters.into() }
}

fn real() -> Resources {
    Template::parse(REAL).unwrap().resolve(&local()).unwrap()
}

/// The small template with `replacement` in place of `part`.
fn small(part: &str, replacement: &str) -> anyhow::Result<Resources> {
    let text = include_str!("small.yaml");
    assert!(text.contains(part), "{part} is not in the small template");
    let local = LocalStack { name: "x".to_owned(), parameters: BTreeMap::new() };
    Template::parse(&text.replace(part, replacement))?.resolve(&local)
}

fn refusal(part: &str, replacement: &str) -> String {
    format!("{:#}", small(part, replacement).unwrap_err())
}

#[test]
fn all_routes_but_two_are_behind_the_authorizer() {
    let routes = real().routes;
    let routes: Vec<_> =
        routes.iter().map(|r| (r.route_key.as_str(), r.function.as_str(), r.public)).collect();
    assert_eq!(
        routes,
        [
            ("GET /api/coin-balance", "coin-balance", false),
            ("GET /api/debug/last-prompt", "debug-last-prompt", false),
            ("POST /api/generate-image", "generate-image", false),
            ("GET /api/generations", "generations", false),
            ("GET /api/generations/{generation_id}", "generations", false),
            ("GET /api/openapi.json", "api-description", true),
            ("GET /api/prompt-options", "prompt-options", true),
            ("POST /api/prompt-preview", "prompt-preview", false),
            ("POST /api/uploads", "create-upload", false),
        ]
    );
}

#[test]
fn functions_have_their_own_and_the_shared_settings() {
    let resources = real();
    let settings = |name: &str| -> Vec<String> {
        let environment = &resources.function(name).unwrap().environment;
        environment.iter().map(|(k, v)| format!("{k}={v}")).collect()
    };
    assert_eq!(
        settings("generate-image"),
        [
            "COINS_PER_BATCH=1",
            "FAL_KEY_PARAMETER=/potret/fal-key",
            "FAL_TIMEOUT_SECONDS=180",
            "GENERATIONS_TABLE=potret-generations",
            "IMAGE_TO_IMAGE_MODEL=fal-ai/flux-2/lora/edit",
            "LEDGER_TABLE=potret-ledger",
            "LOG_LEVEL=info",
            "MALLOC_MMAP_THRESHOLD_=131072",
            "NUM_INFERENCE_STEPS=7",
            "PROFILES_TABLE=potret-profiles",
            "UPLOADS_BUCKET=potret-uploads",
        ]
    );
    assert_eq!(settings("coin-balance"), ["LOG_LEVEL=info", "PROFILES_TABLE=potret-profiles"]);
    assert_eq!(settings("debug-last-prompt"), ["GENERATIONS_TABLE=potret-generations", "LOG_LEVEL=info"]);
    assert_eq!(
        settings("add-coins"),
        ["LEDGER_TABLE=potret-ledger", "LOG_LEVEL=info", "PROFILES_TABLE=potret-profiles"]
    );
}

#[test]
fn a_functions_own_timeout_wins() {
    let resources = real();
    let timeout = |name: &str| resources.function(name).unwrap().timeout.as_secs();
    assert_eq!(timeout("generate-image"), 29);
    assert_eq!(timeout("coin-balance"), 10);
    assert_eq!(resources.function("add-coins").unwrap().logical_id, "AddCoins");
    assert_eq!(resources.function("generate-image").unwrap().memory_mb, 256);
    assert_eq!(resources.function("coin-balance").unwrap().memory_mb, 128);
}

#[test]
fn tables_have_their_keys_indexes_and_expiry() {
    let key = |partition: &str, sort: Option<&str>| KeySpec {
        partition: partition.to_owned(),
        sort: sort.map(str::to_owned),
    };
    let index = |name: &str, key| IndexSpec {
        name: name.to_owned(),
        key,
        projection: "ALL".to_owned(),
        included: Vec::new(),
    };
    let strings = |names: &[&str]| -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), "S".to_owned())).collect()
    };
    let resources = real();
    assert_eq!(resources.buckets, ["potret-uploads"]);
    assert_eq!(
        resources.tables,
        [
            TableSpec {
                name: "potret-generations".to_owned(),
                attribute_types: strings(&["user_id", "generation_id", "created_at"]),
                key: key("user_id", Some("generation_id")),
                local_indexes: vec![index("by_created_at", key("user_id", Some("created_at")))],
                global_indexes: vec![],
                ttl_attribute: Some("expires_at".to_owned()),
            },
            TableSpec {
                name: "potret-ledger".to_owned(),
                attribute_types: strings(&["entry_id", "user_id", "at"]),
                key: key("entry_id", None),
                local_indexes: vec![],
                global_indexes: vec![index("by_user", key("user_id", Some("at")))],
                ttl_attribute: None,
            },
            TableSpec {
                name: "potret-profiles".to_owned(),
                attribute_types: strings(&["user_id"]),
                key: key("user_id", None),
                local_indexes: vec![],
                global_indexes: vec![],
                ttl_attribute: None,
            },
        ]
    );
}

#[test]
fn the_api_has_the_cors_rules_of_the_template() {
    let resources = real();
    let jwt = JwtSpec { issuer: "http://127.0.0.1:3000/".into(), audience: vec!["potret".into()] };
    assert_eq!(resources.authorizer, AuthorizerSpec::Jwt(jwt));
    let cors = resources.cors;
    assert_eq!(cors.allow_origins, ["http://localhost:5173", "http://127.0.0.1:5173"]);
    assert_eq!(cors.allow_methods, ["GET", "POST"]);
    assert_eq!(
        cors.allow_headers,
        ["authorization", "content-type", "idempotency-key", "accept-language", "if-none-match"]
    );
    assert!(cors.expose_headers.contains(&"idempotency-replayed".to_owned()));
    assert_eq!(cors.max_age, Some(Duration::from_secs(3600)));
}

#[test]
fn a_local_value_replaces_a_default() {
    let mut local = local();
    local.parameters.insert("CoinsPerBatch".to_owned(), "3".to_owned());
    let resources = Template::parse(REAL).unwrap().resolve(&local).unwrap();
    assert_eq!(resources.function("generate-image").unwrap().environment["COINS_PER_BATCH"], "3");
}

#[test]
fn a_parameter_chooses_the_authorizer() {
    let mut local = local();
    local.parameters.insert("AuthMode".to_owned(), "lambda".to_owned());
    let resources = Template::parse(REAL).unwrap().resolve(&local).unwrap();
    assert_eq!(resources.authorizer, AuthorizerSpec::Function("authorizer".to_owned()));
    assert_eq!(resources.routes, real().routes);
    let ours = small("[theirs, ours]", "[ours, ours]").unwrap();
    assert_eq!(ours.authorizer, AuthorizerSpec::Function("hello".to_owned()));
    assert!(refusal("- IsOurs", "- IsNobodys").contains("User.Fn::If.0: there is no such condition"));
    assert!(refusal("!Equals", "!Or").contains("Conditions.IsOurs: Fn::Equals expected"));
}

#[test]
fn a_local_value_of_an_unknown_parameter_is_refused() {
    let mut local = local();
    local.parameters.insert("CoinsPerBtach".to_owned(), "3".to_owned());
    let error = Template::parse(REAL).unwrap().resolve(&local).unwrap_err();
    assert!(error.to_string().contains("CoinsPerBtach"), "{error}");
}

#[test]
fn a_parameter_without_a_value_is_named_with_its_place() {
    let mut local = local();
    local.parameters.remove("JwtIssuer");
    let error = Template::parse(REAL).unwrap().resolve(&local).unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "Resources.Api.Properties.DefinitionBody.components.securitySchemes.User.Fn::If.2.\
         x-amazon-apigateway-authorizer.jwtConfiguration.issuer: \
         parameter JwtIssuer has no default and was given no local value"
    );
}

#[test]
fn an_unknown_intrinsic_is_named_with_its_place() {
    let place = "Resources.Hello.Properties.Environment.Variables.GREETING: ";
    for (value, message) in [
        ("!ImportValue other", "Fn::ImportValue cannot be resolved on this machine"),
        ("!Ref Nothing", "Nothing is neither a parameter nor a resource"),
        ("!Ref Api", "resource Api does not exist on this machine"),
        ("!GetAtt Api.Arn", "the attribute Api.Arn does not exist on this machine"),
        ("!Sub ${Nothing}", "Nothing is neither a parameter nor a resource"),
        ("!Sub ${Nothing", "a `${` in \"${Nothing\" is not closed"),
        ("[a]", "a string or a number expected"),
    ] {
        assert_eq!(refusal("Good day", value), format!("{place}{message}"));
    }
}

#[test]
fn known_intrinsics_resolve_to_local_values() {
    for (value, expected) in [
        ("!Ref ThingsTable", "x-things"),
        ("!Ref Hello", "hello"),
        ("!GetAtt ThingsTable.Arn", "arn:aws:dynamodb:us-east-1:000000000000:table/x-things"),
        ("!GetAtt BigFilesBucket.Arn", "arn:aws:s3:::x-big-files"),
        ("!Sub '${AWS::StackName}/${BigFilesBucket.Arn}/${!Kept}'", "x/arn:aws:s3:::x-big-files/${Kept}"),
        ("{'Fn::Sub': 'in ${AWS::Region}'}", "in us-east-1"),
        ("12", "12"),
    ] {
        let resources = small("Good day", value).unwrap();
        assert_eq!(resources.functions[0].environment["GREETING"], expected);
    }
}

#[test]
fn a_route_is_either_guarded_or_public() {
    let route = small("Path: /hello/{name}", "Path: /hello/{name}").unwrap().routes.remove(0);
    assert_eq!((route.route_key.as_str(), route.public), ("GET /hello/{name}", false));

    let (event, paths) = ("Path: /hello/{name}", "\"/hello/{name}\": {get: {security: [{User: []}]}}");
    let public = format!("{event}\n            Auth: {{Authorizer: NONE}}");
    let without_guard = include_str!("small.yaml").replace(paths, "{}").replace(event, &public);
    let local = LocalStack { name: "x".to_owned(), parameters: BTreeMap::new() };
    let route = Template::parse(&without_guard).unwrap().resolve(&local).unwrap().routes.remove(0);
    assert!(route.public);

    assert!(refusal(event, &public).contains("GET /hello/{name}: either `Authorizer: NONE` or"));
    assert!(refusal(paths, "{}").contains("GET /hello/{name}: either `Authorizer: NONE` or"));
    assert!(refusal(paths, &paths.replace("User", "Other")).contains("[{User: []}] expected"));
    let gone = format!("{paths}\n          /gone: {{get: {{security: [{{User: []}}]}}}}");
    assert!(refusal(paths, &gone).contains("GET /gone is guarded, and no function has this route"));
    assert!(refusal(event, &public.replace("NONE", "Other")).contains("Auth.Authorizer: NONE expected"));
}

#[test]
fn routes_that_the_local_gateway_does_not_know_are_refused() {
    for (part, replacement) in [
        ("Method: get", "Method: \"*\""),
        ("Method: get", "Method: any"),
        ("Path: /hello/{name}", "Path: /hello/{name+}"),
        ("Path: /hello/{name}", "Path: $default"),
    ] {
        assert!(refusal(part, replacement).contains("a route of one method and one path"), "{replacement}");
    }
}

#[test]
fn missing_parts_are_named() {
    assert!(refusal("Binary: hello", "Other: hello").contains("`Metadata.BuildProperties.Binary`"));
    assert!(refusal("Timeout: 3", "Tmeout: 3").contains("Resources.Hello: `Timeout` is missing"));
    assert!(refusal("Timeout: 3", "Timeout: 3.5").contains("Properties.Timeout: whole seconds"));
    assert!(
        refusal("DefaultAuthorizer: AWS_IAM", "Other: AWS_IAM").contains("`DefaultAuthorizer` is missing")
    );
    assert!(refusal("ApiId: !Ref Api", "ApiId: !Ref Other").contains("`!Ref Api` expected"));
    assert!(refusal("AllowOrigins:", "AllowCredentials: true #").contains("AllowCredentials"));
}
