//! The real template has the resources that the functions expect, and mistakes are named by place.

use std::collections::BTreeSet;

use super::*;

/// The real template with a value of one more parameter, or without a value of it.
fn real_with(parameter: &str, value: Option<&str>) -> anyhow::Result<Resources> {
    let mut parameters = BTreeMap::from([
        ("JwtIssuer", "http://127.0.0.1:3000/"),
        ("JwtAudience", "potret"),
        ("AllowedOrigins", "http://localhost:5173, http://127.0.0.1:5173"),
    ]);
    match value {
        Some(value) => parameters.insert(parameter, value),
        None => parameters.remove(parameter),
    };
    let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    LocalStack { name: "potret".to_owned(), parameters: parameters.collect() }.resources()
}

fn real() -> Resources {
    real_with("AuthMode", Some("jwt")).unwrap()
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
fn a_functions_own_settings_are_added_to_those_of_all_functions_and_win() {
    let resources = real();
    let function = |name: &str| resources.functions.iter().find(|function| function.name == name).unwrap();
    let limits = |name: &str| (function(name).timeout.as_secs(), function(name).memory_mb);
    assert_eq!(limits("generate-image"), (29, 256));
    assert_eq!(limits("coin-balance"), (10, 128));
    assert_eq!(function("add-coins").logical_id, "AddCoins");
    let settings = [("LOG_LEVEL", "info"), ("PROFILES_TABLE", "potret-profiles")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(function("coin-balance").environment, settings.into());
    assert_eq!(function("generate-image").environment["COINS_PER_BATCH"], "1");
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
        ["authorization", "content-type", "idempotency-key", "accept-language", "if-none-match", "prefer"]
    );
    assert!(cors.expose_headers.contains(&"idempotency-replayed".to_owned()));
    assert_eq!(cors.max_age, Some(3600));
}

#[test]
fn a_local_value_replaces_a_default_and_one_of_an_unknown_parameter_is_refused() {
    let functions = real_with("CoinsPerBatch", Some("3")).unwrap().functions;
    let prices = functions.iter().filter_map(|function| function.environment.get("COINS_PER_BATCH"));
    assert_eq!(prices.collect::<Vec<_>>(), ["3"]);
    let error = real_with("CoinsPerBtach", Some("3")).unwrap_err();
    assert!(error.to_string().contains("CoinsPerBtach"), "{error}");
}

#[test]
fn a_parameter_chooses_the_authorizer() {
    let resources = real_with("AuthMode", Some("lambda")).unwrap();
    assert_eq!(resources.authorizer, AuthorizerSpec::Function("authorizer".to_owned()));
    assert_eq!(resources.routes, real().routes);
    let ours = small("[theirs, ours]", "[ours, ours]").unwrap();
    assert_eq!(ours.authorizer, AuthorizerSpec::Function("hello".to_owned()));
    assert!(refusal("- IsOurs", "- IsNobodys").contains("User: there is no condition IsNobodys"));
    assert!(refusal("!Equals", "!Or").contains("User: the condition IsOurs is not Fn::Equals"));
}

/// Two gateways read the audiences: the JWT authorizer as a list, and the function as one text.
#[test]
fn audiences_are_separated_by_commas_in_both_modes() {
    let resources = real_with("JwtAudience", Some("app, admin")).unwrap();
    let AuthorizerSpec::Jwt(jwt) = &resources.authorizer else { panic!("{:?}", resources.authorizer) };
    assert_eq!(jwt.audience, ["app", "admin"]);
    let authorizer = resources.functions.iter().find(|function| function.name == "authorizer").unwrap();
    assert_eq!(authorizer.environment["JWT_AUDIENCE"], "app,admin");
}

#[test]
fn restored_tables_take_the_place_of_the_stacks_own() {
    let names = |value| {
        let functions = real_with("RestoredTables", Some(value)).unwrap().functions;
        let settings = functions.into_iter().flat_map(|function| function.environment);
        let tables = settings.filter(|(name, _)| name.ends_with("_TABLE")).map(|(_, table)| table);
        tables.collect::<BTreeSet<_>>()
    };
    assert_eq!(names(""), ["generations", "ledger", "profiles"].map(|noun| format!("potret-{noun}")).into());
    assert_eq!(names("old"), ["generations", "ledger", "profiles"].map(|noun| format!("old-{noun}")).into());
}

#[test]
fn a_parameter_without_a_value_is_named_with_its_place() {
    assert_eq!(
        format!("{:#}", real_with("JwtIssuer", None).unwrap_err()),
        "Resources.Api.Properties.DefinitionBody.components.securitySchemes.User.\
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
        ("!Ref HelloLog", "resource HelloLog does not exist on this machine"),
        ("!GetAtt Api.Arn", "the attribute Api.Arn does not exist on this machine"),
        ("!Sub ${Nothing}", "Nothing is neither a parameter nor a resource"),
        ("!Sub ${Nothing", "a `${` in \"${Nothing\" is not closed"),
        ("!Join [',', a]", "Fn::Join: a list expected"),
        ("!Join [',', [a, !Ref Nothing]]", "Nothing is neither a parameter nor a resource"),
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
        ("!Ref Api", "local"),
        ("!GetAtt ThingsTable.Arn", "arn:aws:dynamodb:us-east-1:000000000000:table/x-things"),
        ("!GetAtt BigFilesBucket.Arn", "arn:aws:s3:::x-big-files"),
        ("!Sub '${AWS::StackName}/${BigFilesBucket.Arn}/${!Kept}'", "x/arn:aws:s3:::x-big-files/${Kept}"),
        ("{'Fn::Sub': 'in ${AWS::Region}'}", "in us-east-1"),
        ("!If [IsOurs, ours, theirs]", "theirs"),
        ("!If [IsTheirs, theirs, ours]", "theirs"),
        ("!Join [', ', [a, !Ref Hello, 1]]", "a, hello, 1"),
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
    assert!(
        refusal("Binary: hello", "Other: hello")
            .contains("Hello.Metadata.BuildProperties.Binary` is missing")
    );
    assert!(refusal("Timeout: 3", "Tmeout: 3").contains("Resources.Hello: `Timeout` is missing"));
    assert!(
        refusal("Timeout: 3", "Timeout: 3.5")
            .contains("Properties.Timeout: invalid type: floating point `3.5`")
    );
    assert!(
        refusal("DefaultAuthorizer: AWS_IAM", "Other: AWS_IAM")
            .contains("Auth.DefaultAuthorizer` is missing")
    );
    assert!(refusal("ApiId: !Ref Api", "ApiId: !Ref Hello").contains("ApiId: `!Ref Api` expected"));
    assert!(
        refusal("AllowOrigins:", "AllowCredentials: true #")
            .contains("CorsConfiguration.AllowCredentials: unknown field")
    );
}
