//! Bodies as the vector files write them.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use serde_json::Value;

/// A body is a text, or a list of texts, `{"repeat": text, "times": n}` and `{"hex": digits}`.
#[allow(dead_code, reason = "the rows of exec_info.json are plain texts")]
pub(crate) fn bytes(body: &Value) -> Vec<u8> {
    match body {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Array(parts) => parts.iter().flat_map(bytes).collect(),
        part => match (part["repeat"].as_str(), part["times"].as_u64(), part["hex"].as_str()) {
            (Some(text), Some(times), None) => text.repeat(usize::try_from(times).unwrap()).into_bytes(),
            (None, None, Some(hex)) => {
                let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).unwrap().try_into().unwrap()).collect();
                digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
            }
            _ => panic!("not a part of a body: {part}"),
        },
    }
}

/// The rows of a vector file, with their names.
pub(crate) fn rows(file: &str) -> Vec<(String, Value)> {
    let rows: Vec<Value> = serde_json::from_str(file).unwrap();
    rows.into_iter().map(|row| (row["name"].as_str().unwrap().to_owned(), row)).collect()
}
