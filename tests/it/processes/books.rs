//! The merchants' own books: what they asked, paid and were told, compared with the tables at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde_json::Value;

use crate::harness::Potret;
use crate::rows::rows;

/// A request for a batch and its answer.
#[derive(Debug, Clone)]
pub struct Asked {
    pub user: String,
    pub key: Option<String>,
    /// Belongs to one request only, or to one key.
    pub prompt: String,
    pub status: u16,
    pub body: Value,
}

/// Money that arrived.
#[derive(Debug, Clone)]
pub struct Payment {
    pub user: String,
    pub coins: u64,
    pub reference: String,
}

/// What add-coins answered.
pub type Confirmation = Result<Value, Value>;

/// The books.
#[derive(Default)]
pub struct Books(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    asked: Vec<Asked>,
    payments: Vec<Payment>,
    /// By the payment's reference.
    confirmations: BTreeMap<String, Vec<Confirmation>>,
}

impl Books {
    pub fn note_asked(&self, asked: Asked) {
        self.0.lock().expect("no panic").asked.push(asked);
    }

    pub fn note_payment(&self, payment: Payment) {
        self.0.lock().expect("no panic").payments.push(payment);
    }

    pub fn note_confirmation(&self, payment: &Payment, answer: Confirmation) {
        let mut pages = self.0.lock().expect("no panic");
        pages.confirmations.entry(payment.reference.clone()).or_default().push(answer);
    }

    pub fn payments(&self) -> Vec<Payment> {
        self.0.lock().expect("no panic").payments.clone()
    }

    /// Every key that a user has used, with its prompt.
    pub fn keys_of(&self, user: &str) -> BTreeSet<(String, String)> {
        let pages = self.0.lock().expect("no panic");
        let own = pages.asked.iter().filter(|asked| asked.user == user);
        own.filter_map(|asked| Some((asked.key.clone()?, asked.prompt.clone()))).collect()
    }

    /// What happened, counted.
    pub fn figures(&self) -> BTreeMap<String, u32> {
        let pages = self.0.lock().expect("no panic");
        let delivered = pages.asked.iter().filter(|asked| asked.status == 200);
        let delivered: BTreeSet<_> = delivered.map(|asked| asked.body["generation_id"].as_str()).collect();
        let mut figures = BTreeMap::new();
        let mut count = |figure: String, number| *figures.entry(figure).or_default() += number;
        for asked in &pages.asked {
            let code = asked.body["code"].as_str().unwrap_or_default();
            count(format!("answers: {} {code}", asked.status), 1);
        }
        for answer in pages.confirmations.values().flatten() {
            let kind = match answer {
                Ok(_) => "confirmed",
                Err(error) => error["errorType"].as_str().unwrap_or_default(),
            };
            count(format!("add-coins: {kind}"), 1);
        }
        count("batches delivered".to_owned(), delivered.len() as u32);
        count("payments".to_owned(), pages.payments.len() as u32);
        count("coins paid for".to_owned(), pages.payments.iter().map(|payment| payment.coins as u32).sum());
        figures
    }

    /// Everything in which books and tables differ. The merchants have spent all that they had.
    pub async fn check(&self, potret: &Potret) -> Vec<String> {
        let (client, tables) = (potret.stack.dynamodb.dynamodb(), potret.tables());
        let generations = rows(&client, tables.generations.name()).await;
        let ledger = rows(&client, tables.ledger.name()).await;
        let profiles = rows(&client, tables.profiles.name()).await;
        let pages = self.0.lock().expect("no panic");

        let mut differences = Vec::new();
        differences.extend(pages.asked.iter().filter_map(|asked| asked.difference(&generations)));
        differences.extend(pages.unexplained_deliveries(&generations));
        differences.extend(pages.wrong_credits(&ledger));
        differences
            .extend(profiles.iter().filter(|row| row["holds"].is_array()).map(|row| format!("held: {row}")));
        differences
    }
}

impl Asked {
    /// Whether the record of this very prompt says something else than the answer did.
    fn difference(&self, generations: &[Value]) -> Option<String> {
        let record = generations.iter().find(|row| self.is_of(row));
        let delivered = record.is_some_and(|row| row["status"] == "SUCCEEDED");
        let is_right = match self.status {
            200 => record.is_some_and(|row| {
                let same = |member: &str| row[member] == self.body[member];
                delivered && same("generation_id") && same("images") && same("remaining_coins")
            }),
            // Nothing was charged; under a key, a repeat may have been.
            _ if self.body["code"].is_string() => {
                let unknown = self.body["detail"].as_str().unwrap_or_default().contains("could not confirm");
                !delivered || unknown || self.key.is_some()
            }
            // API Gateway's own answer for a function that died: nobody knows.
            500 | 503 => true,
            _ => false,
        };
        (!is_right).then(|| format!("{self:?}, but the record is {record:?}"))
    }

    fn is_of(&self, record: &Value) -> bool {
        record["user_id"] == *self.user && record["job"]["prompt"] == *self.prompt
    }
}

impl Pages {
    /// Deliveries that nobody asked for, or more than one for the same wish.
    fn unexplained_deliveries(&self, generations: &[Value]) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let delivered = generations.iter().filter(|row| row["status"] == "SUCCEEDED");
        delivered
            .filter(|row| {
                let wish = (row["user_id"].to_string(), row["job"]["prompt"].to_string());
                !self.asked.iter().any(|asked| asked.is_of(row)) || !seen.insert(wish)
            })
            .map(|row| format!("asked for by nobody, or delivered twice: {row}"))
            .collect()
    }

    /// The ledger's credits must be the payments, each once and confirmed as it is written.
    fn wrong_credits(&self, ledger: &[Value]) -> Vec<String> {
        let id = |entry: &Value| entry["entry_id"].as_str().unwrap_or_default().to_owned();
        let credits = ledger.iter().filter_map(|entry| {
            let reference = id(entry).strip_prefix("topup#")?.to_owned();
            Some((reference, entry))
        });
        let mut credits: BTreeMap<_, _> = credits.collect();
        let mut wrong = Vec::new();
        for Payment { user, coins, reference } in &self.payments {
            let entry = credits.remove(reference).unwrap_or(&Value::Null);
            let answers = self.confirmations.get(reference).into_iter().flatten().flatten();
            let same_answers =
                answers.into_iter().all(|answer| answer["coins_balance"] == entry["coins_balance"]);
            if entry["user_id"] != **user || entry["delta"] != *coins || !same_answers {
                wrong.push(format!("{reference} of {coins} coins for {user} is credited as {entry}"));
            }
        }
        wrong.extend(credits.values().map(|entry| format!("nobody paid {entry}")));
        wrong
    }
}
