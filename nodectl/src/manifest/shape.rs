//! Checks the types of values, and reports them in the terms of YAML instead of Rust's.

use serde_json::Value;

/// The message for serde's error about a value in a manifest.
pub(super) fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let of_type = ["invalid type: ", "invalid value: "];
    let of_type = of_type.iter().find_map(|prefix| text.strip_prefix(prefix));
    if let Some((found, expected)) = of_type.and_then(|rest| rest.rsplit_once(", expected ")) {
        return format!(
            "expected {}, found {}",
            expected_words(expected),
            found_words(found)
        );
    }
    match text.strip_prefix("unknown variant ") {
        Some(rest) => format!(
            "unknown value {}",
            rest.replacen(", expected ", ": expected ", 1)
        ),
        None => text,
    }
}

fn expected_words(expected: &str) -> String {
    let words = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i32" | "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "an object",
        _ if expected.starts_with("struct ") => "an object",
        other => other,
    };
    words.to_owned()
}

/// serde describes a value by its type and, if it is short, the value: ``integer `-1` ``, `string "3"`.
fn found_words(found: &str) -> String {
    if let Some(text) = found.strip_prefix("string ") {
        return format!("`{text}`");
    }
    if let Some((_, value)) = found.split_once(" `") {
        return format!("`{value}");
    }
    match found {
        "sequence" => "a list".to_owned(),
        "map" => "an object".to_owned(),
        other => other.to_owned(),
    }
}

/// The path of a list that was read as an object, if any: serde accepts a list as a struct's fields in
/// order.
pub(super) fn list_as_object(written: &Value, read: &Value) -> Option<String> {
    match (written, read) {
        (Value::Array(_), Value::Object(_)) => Some(String::new()),
        (Value::Object(written), Value::Object(read)) => written.iter().find_map(|(key, value)| {
            let path = list_as_object(value, read.get(key)?)?;
            Some(format!("{key}{}{path}", dot(&path)))
        }),
        (Value::Array(written), Value::Array(read)) => {
            let mut pairs = written.iter().zip(read).enumerate();
            pairs.find_map(|(index, (written, read))| {
                let path = list_as_object(written, read)?;
                Some(format!("[{index}]{}{path}", dot(&path)))
            })
        }
        _ => None,
    }
}

/// The separator before the rest of a path.
fn dot(rest: &str) -> &'static str {
    if rest.is_empty() || rest.starts_with('[') {
        ""
    } else {
        "."
    }
}
