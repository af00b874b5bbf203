//! The one request that is signed, in the stages of Signature Version 4: canonical request, string to sign, URL.
//!
//! Source: "Create a signed AWS API request" in the IAM user guide.

use crate::{AMZ_EXPIRES, ParameterOrder};
use k8s_aws_identity::{AccessKeyId, AmzDate, ClusterId, StsEndpoint};
use k8s_aws_token::CLUSTER_ID_HEADER;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The service name in the credential scope.
pub(crate) const STS_SERVICE: &str = "sts";

/// SHA-256 of no bytes: the payload of a `GET`.
const EMPTY_PAYLOAD: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// All bytes but RFC 3986's unreserved ones are escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a signature is made of, besides the secret key.
pub(crate) struct Inputs<'a> {
    pub(crate) access_key_id: &'a AccessKeyId,
    pub(crate) session_token: Option<&'a str>,
    pub(crate) endpoint: &'a StsEndpoint,
    pub(crate) cluster: &'a ClusterId,
    pub(crate) date: &'a AmzDate,
}

impl Inputs<'_> {
    /// Task 1: the canonical request. Its query is sorted by name, as it is here.
    fn canonical_request(&self) -> Zeroizing<String> {
        let Self { endpoint, cluster, .. } = self;
        let mut text = self.buffer();
        text.push_str("GET\n/\n");
        self.push_query(&mut text, ParameterOrder::Go);
        for piece in ["\nhost:", endpoint.host(), "\n", CLUSTER_ID_HEADER, ":", cluster.as_str()] {
            text.push_str(piece);
        }
        for piece in ["\n\nhost;", CLUSTER_ID_HEADER, "\n", EMPTY_PAYLOAD] {
            text.push_str(piece);
        }
        text
    }

    /// Task 2: the string to sign.
    pub(crate) fn string_to_sign(&self) -> String {
        let hash = Sha256::digest(self.canonical_request().as_bytes());
        let mut text = format!("AWS4-HMAC-SHA256\n{}\n{}\n", self.date, self.scope());
        for byte in hash {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(digit.into(), 16));
            }
        }
        text
    }

    /// Task 4: the signed URL.
    pub(crate) fn url(&self, signature: &str, order: ParameterOrder) -> Zeroizing<String> {
        let mut url = self.buffer();
        for piece in ["https://", self.endpoint.host(), "/?"] {
            url.push_str(piece);
        }
        self.push_query(&mut url, order);
        url.push_str("&X-Amz-Signature=");
        url.push_str(signature);
        url
    }

    fn push_query(&self, text: &mut String, order: ParameterOrder) {
        let credential = format!("{}/{}", self.access_key_id, self.scope());
        let expires = AMZ_EXPIRES.to_string();
        let token = self.session_token.map(|token| ("X-Amz-Security-Token", token));
        let signed_headers = Some(("X-Amz-SignedHeaders", "host;x-k8s-aws-id"));
        let [last_but_one, last] = match order {
            ParameterOrder::Go => [token, signed_headers],
            ParameterOrder::Botocore => [signed_headers, token],
        };
        text.push_str("Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256");
        let fixed = [
            Some(("X-Amz-Credential", credential.as_str())),
            Some(("X-Amz-Date", self.date.as_str())),
            Some(("X-Amz-Expires", &expires)),
        ];
        for (name, value) in fixed.into_iter().chain([last_but_one, last]).flatten() {
            text.push('&');
            text.push_str(name);
            text.push('=');
            text.extend(utf8_percent_encode(value, ESCAPED));
        }
    }

    /// `<day>/<region>/sts/aws4_request`
    fn scope(&self) -> String {
        format!("{}/{}/{STS_SERVICE}/aws4_request", self.date.day(), self.endpoint.region())
    }

    /// A buffer that is never outgrown: growing would leave a copy of the session token behind that nothing zeroizes.
    fn buffer(&self) -> Zeroizing<String> {
        let longest_token = self.session_token.map_or(0, |token| 3 * token.len());
        let rest = self.endpoint.host().len() + self.cluster.as_str().len() + self.access_key_id.as_str().len();
        Zeroizing::new(String::with_capacity(1024 + longest_token + rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_aws_identity::EndpointTable;

    /// A failure names the stage that is wrong.
    #[test]
    fn each_stage_is_botocores() {
        let file: serde_json::Value = serde_json::from_str(include_str!("../tests/vectors/botocore.json")).unwrap();
        let rows = file["rows"].as_array().unwrap();
        assert!(rows.len() >= 40);
        let table = EndpointTable::standard();
        for row in rows {
            let text = |name: &str| row[name].as_str().unwrap();
            let name = text("name");
            let seconds = std::time::Duration::from_secs(row["unix_time"].as_u64().unwrap());
            let inputs = Inputs {
                access_key_id: &AccessKeyId::parse(text("access_key_id")).unwrap(),
                session_token: row["session_token"].as_str(),
                endpoint: table.find(text("host")).unwrap(),
                cluster: &ClusterId::parse(text("cluster_id")).unwrap(),
                date: &AmzDate::from_time(std::time::UNIX_EPOCH + seconds).unwrap(),
            };
            assert_eq!(inputs.endpoint.region().as_str(), text("region"), "{name}");
            assert_eq!(*inputs.canonical_request(), text("canonical_request"), "canonical request of {name}");
            assert_eq!(inputs.string_to_sign(), text("string_to_sign"), "string to sign of {name}");
            assert_eq!(*inputs.url(text("signature"), ParameterOrder::Botocore), text("url"), "URL of {name}");
        }
    }

    #[test]
    fn no_buffer_grows() {
        let token = "/".repeat(5000);
        let table = EndpointTable::standard();
        let inputs = Inputs {
            access_key_id: &AccessKeyId::parse(&"A".repeat(128)).unwrap(),
            session_token: Some(&token),
            endpoint: table.iter().max_by_key(|e| e.host().len()).unwrap(),
            cluster: &ClusterId::parse(&"c".repeat(256)).unwrap(),
            date: &AmzDate::parse("20260615T123456Z").unwrap(),
        };
        let room = inputs.buffer().capacity();
        assert!(inputs.canonical_request().len() <= room);
        assert!(inputs.url(&"0".repeat(64), ParameterOrder::Go).len() <= room);
    }
}
