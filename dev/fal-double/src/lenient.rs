//! Single JSON values read as leniently as pydantic reads them: `"7"` and `7.0` are the integer 7.

use serde_json::Value;

/// Why a value cannot be read: the kind of the problem, and a sentence.
pub type Refusal = (&'static str, &'static str);

/// `'jpeg', 'png' or 'webp'`, as pydantic lists the allowed words.
pub fn alternatives(allowed: &[&str]) -> String {
    let quoted: Vec<String> = allowed.iter().map(|word| format!("'{word}'")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// A whole number, or the kind and the sentence of pydantic's refusal.
pub fn integer(value: &Value) -> Result<i64, Refusal> {
    const UNPARSABLE: &str = "Input should be a valid integer, unable to parse string as an integer";
    match value {
        Value::Bool(flag) => Ok(i64::from(*flag)),
        Value::String(text) => text.trim().parse().map_err(|_| ("int_parsing", UNPARSABLE)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(whole),
            // A number above i64's range is above every limit here, and stays so.
            (None, Some(float)) if float.fract() == 0.0 => Ok(float as i64),
            _ => Err((
                "int_from_float",
                "Input should be a valid integer, got a number with a fractional part",
            )),
        },
        _ => Err(("int_type", "Input should be a valid integer")),
    }
}

/// A number, or the kind and the sentence of pydantic's refusal.
pub fn number(value: &Value) -> Result<f64, Refusal> {
    const UNPARSABLE: &str = "Input should be a valid number, unable to parse string as a number";
    match value {
        Value::Bool(flag) => Ok(f64::from(u8::from(*flag))),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(_) => Err(("finite_number", "Input should be a finite number")),
            Err(_) => Err(("float_parsing", UNPARSABLE)),
        },
        Value::Number(number) => Ok(number.as_f64().unwrap_or(f64::MAX)),
        _ => Err(("float_type", "Input should be a valid number")),
    }
}

/// True or false; 0, 1 and the usual words too.
pub fn flag(value: &Value) -> Result<bool, Refusal> {
    let word = match value {
        Value::Bool(flag) => return Ok(*flag),
        Value::Number(number) => number.to_string(),
        Value::String(word) => word.to_lowercase(),
        _ => return Err(("bool_type", "Input should be a valid boolean")),
    };
    match word.as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err(("bool_parsing", "Input should be a valid boolean, unable to interpret input")),
    }
}
