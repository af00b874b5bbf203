use serde::Serialize;

/// Writes a value of one of this crate's own wire types.
///
/// `room` is the expected length: with enough of it the buffer is never moved, so that a token in it leaves no copy
/// behind in memory that was given back.
///
/// Nothing here can fail: the types have text for keys and no `Serialize` of their own, and memory takes every write.
pub(crate) fn to_json(value: &impl Serialize, room: usize) -> Vec<u8> {
    let mut json = Vec::with_capacity(room);
    let written = serde_json::to_writer(&mut json, value);
    debug_assert!(written.is_ok(), "a wire type has a fallible Serialize");
    json
}

/// At most how long `text` is as JSON, with its quotes and a comma.
pub(crate) fn json_len(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| matches!(byte, 0..=0x1F | b'"' | b'\\')).count();
    text.len().saturating_add(escaped.saturating_mul(5)).saturating_add(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_outgrows_the_room_that_is_made_for_it() {
        let control: String = (0..=0x1F_u8).map(char::from).collect();
        for text in ["", "k8s-aws-v1.aHR0cHM", "\"\\/<>&", "é\u{2028}\u{10FFFF}\u{7F}", &control] {
            let json = to_json(&text, json_len(text));
            assert!(json.len() < json_len(text), "{text:?}");
            assert_eq!(json.capacity(), json_len(text), "{text:?} made the buffer move");
        }
    }
}
