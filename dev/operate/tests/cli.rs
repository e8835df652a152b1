//! The command, as an operator uses it, on the tables of an embedded DynamoDB.
#![allow(missing_docs, reason = "test names are facts")]

use std::io::Write as _;
use std::process::{Command, Output};

use aws_double::backends::{Connection, Identity, Server, dynamodb};
use aws_sdk_dynamodb::types::AttributeValue;
use common::identity::UserId;
use common::ledger::Ledger;
use common::tables::{GenerationsTable, LedgerTable, ProfilesTable, Tables};
use jiff::Timestamp;
use sam_template::tables::create_missing_tables;
use sam_template::{AuthMode, LocalStack};

struct Deployed {
    server: Server,
    connection: Connection,
    tables: Tables,
}

impl Deployed {
    async fn start() -> Self {
        let server = dynamodb::start(None).await.expect("a DynamoDB");
        let connection = Connection::new(server.endpoint().clone(), Identity::local());
        let resources = LocalStack::new("potret", AuthMode::Jwt).resources().expect("the template");
        create_missing_tables(&connection.dynamodb(), &resources.tables).await.expect("tables");
        let tables = Tables {
            profiles: ProfilesTable::new("potret-profiles"),
            generations: GenerationsTable::new("potret-generations"),
            ledger: LedgerTable::new("potret-ledger"),
        };
        Self { server, connection, tables }
    }

    /// Runs the command as someone with access to the tables.
    async fn operate(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_operate"));
        let Tables { profiles, ledger, .. } = &self.tables;
        command.args(arguments).args(["--profiles", profiles.name(), "--ledger", ledger.name()]);
        command.envs(Identity::local().variables());
        command.env("AWS_ENDPOINT_URL_DYNAMODB", self.server.endpoint().as_str());
        tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("no panic")
    }

    async fn import(&self, lines: &str) -> Output {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(lines.as_bytes()).expect("lines");
        self.operate(&["import", file.path().to_str().expect("UTF-8")]).await
    }

    async fn audit(&self) -> Output {
        self.operate(&["audit", "--generations", self.tables.generations.name()]).await
    }
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn a_file_of_balances_that_is_imported_twice_credits_once() {
    let deployed = Deployed::start().await;
    let lines =
        "user_id,name,coins_balance\nana,Ana,12\nbudi,Budi,0\ncitra,Citra,many\n,Nobody,5\ndewi,Dewi,3\n";
    for _ in 0..2 {
        let output = deployed.import(lines).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(printed(&output), @r#"
            line 4: "many" is not a number of coins
            line 5: the event is not valid: /user_id must be 1 to 255 bytes of text without control characters
            2 users credited, 1 without coins, 2 lines refused
            "#);
        }
        assert!(!output.status.success());
    }
    let ledger = Ledger::new(deployed.connection.dynamodb(), deployed.tables.clone());
    for (user, coins) in [("ana", 12), ("budi", 0), ("dewi", 3)] {
        let user = UserId::parse(user).expect("a user");
        let balance = ledger.balance(&user, Timestamp::now()).await.expect("a balance");
        assert_eq!(balance.settled.count(), coins);
    }
}

#[tokio::test]
async fn an_audit_names_every_user_whose_coins_are_not_in_order() {
    let deployed = Deployed::start().await;
    deployed.import("user_id,coins_balance\nana,10\nbudi,10\n").await;
    let failed = deployed.connection.dynamodb().update_item().table_name(deployed.tables.profiles.name());
    let failed = failed.key("user_id", AttributeValue::S("budi".to_owned()));
    let stamp = format!("{}#attempt", Timestamp::now().as_millisecond());
    let failed = failed.update_expression("ADD failures :stamp");
    failed
        .expression_attribute_values(":stamp", AttributeValue::Ss(vec![stamp]))
        .send()
        .await
        .expect("an update");
    let output = deployed.audit().await;
    assert_eq!(
        printed(&output),
        "budi: 1 failures in 24 hours that fal may bill\n2 users audited, 0 with violations\n"
    );
    assert!(output.status.success());

    let steal = deployed.connection.dynamodb().update_item().table_name(deployed.tables.profiles.name());
    let steal = steal.key("user_id", AttributeValue::S("ana".to_owned()));
    let steal = steal.update_expression("SET coins_available = :coins");
    let steal = steal.expression_attribute_values(":coins", AttributeValue::N("11".to_owned()));
    steal.send().await.expect("an update");
    let output = deployed.audit().await;
    assert!(printed(&output).contains("ana: 11 coins are available of a balance of 10"), "{output:?}");
    assert!(printed(&output).contains("2 users audited, 1 with violations"), "{output:?}");
    assert!(!output.status.success());
}
