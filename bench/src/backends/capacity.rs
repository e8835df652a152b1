//! What DynamoDB bills: units by the items' bytes and by the indexes of `template.yaml`.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>

use serde_json::Value;

use super::dynamodb::{GENERATIONS, LEDGER};

/// The units of a read of so many bytes, by 4 KB.
pub fn read(bytes: usize, is_consistent: bool) -> f64 {
    bytes.div_ceil(4096).max(1) as f64 * if is_consistent { 1.0 } else { 0.5 }
}

/// The bytes of the keys that an index has of a generation.
pub const KEYS: usize = 150;

/// The units of a write that leaves an item of `bytes` in `table`, by 1 KB. A transaction has `factor` 2, which
/// does not apply to the indexes. The indexes of generations have only keys, of which `moves` are put or removed.
pub fn write(table: &str, bytes: usize, factor: u64, moves: u64) -> u64 {
    let kilobytes = bytes.div_ceil(1024) as u64;
    let indexes = match table {
        GENERATIONS => moves,
        // by_user has the whole item.
        LEDGER => kilobytes,
        _ => 0,
    };
    factor * kilobytes + indexes
}

/// The bytes of an item: its attributes' names and values.
pub fn of_item(item: &Value) -> usize {
    item.as_object().into_iter().flatten().map(|(name, value)| name.len() + of_value(value)).sum()
}

/// The bytes of a value in the form `{"S": "text"}`.
pub fn of_value(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|typed| typed.iter().next()) else { return 0 };
    let elements = || value.as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or(0, str::len);
    match kind.as_str() {
        "S" => text(value),
        "N" => text(value).div_ceil(2) + 1,
        "SS" => elements().map(text).sum(),
        "L" => 3 + elements().map(|element| 1 + of_value(element)).sum::<usize>(),
        "M" => 3 + value.as_object().map_or(0, serde_json::Map::len) + of_item(value),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_transaction_doubles_an_item_and_not_its_indexes() {
        assert_eq!((write("profiles", 1024, 1, 0), write("profiles", 1025, 2, 0)), (1, 4));
        assert_eq!((write(GENERATIONS, 1500, 2, 1), write(LEDGER, 200, 2, 0)), (5, 3));
        assert_eq!((read(0, true), read(4097, false)), (1.0, 1.0));
        let item = json!({"ab": {"S": "abc"}, "c": {"L": [{"N": "1234"}, {"M": {"d": {"BOOL": true}}}]}});
        assert_eq!(of_item(&item), 5 + 1 + 3 + (1 + 3) + (1 + 3 + 1 + 2));
    }
}
