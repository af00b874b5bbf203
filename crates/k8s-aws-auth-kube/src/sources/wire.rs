//! What is read of lists, events and objects: a small part of what they say.

use crate::KubeError;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(crate) struct List<'a> {
    pub(crate) metadata: ListMeta,
    #[serde(borrow, default)]
    pub(crate) items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListMeta {
    pub(crate) resource_version: String,
    #[serde(default, rename = "continue")]
    pub(crate) more: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Event<'a> {
    #[serde(rename = "type")]
    pub(crate) what: &'a str,
    #[serde(borrow)]
    pub(crate) object: &'a RawValue,
}

#[derive(Deserialize)]
pub(crate) struct Object {
    pub(crate) metadata: Meta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta {
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) uid: String,
    pub(crate) resource_version: String,
}

pub(crate) fn read<'a, T: Deserialize<'a>>(json: &'a [u8], problem: &'static str) -> Result<T, KubeError> {
    serde_json::from_slice(json).map_err(|_| KubeError::Malformed { problem })
}

/// Takes the complete lines off the front of a buffer.
pub(crate) fn complete_lines(buffer: &mut Vec<u8>) -> Vec<u8> {
    let end = buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let rest = buffer.split_off(end);
    std::mem::replace(buffer, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_waits_for_its_other_half() {
        let mut buffer = b"one\ntwo\nthr".to_vec();
        assert_eq!(complete_lines(&mut buffer), b"one\ntwo\n");
        assert_eq!(complete_lines(&mut buffer), b"");
        buffer.extend_from_slice(b"ee\n");
        assert_eq!((complete_lines(&mut buffer), buffer.len()), (b"three\n".to_vec(), 0));
    }
}
