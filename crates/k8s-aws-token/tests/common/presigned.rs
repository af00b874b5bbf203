//! The laws of the presigner, on credentials, cluster and time out of a fuzzer's bytes: what it mints, the gate accepts and STS
//! would take; what the gate would not accept, it does not mint.

use super::{laws, sigv4};
use arbitrary::{Arbitrary, Result, Unstructured};
use aws_credential_types::Credentials;
use k8s_aws_identity::{ClusterId, EndpointTable, StsEndpoint};
use k8s_aws_presign::{AMZ_EXPIRES, ParameterOrder, USABLE_FOR, presign_in_order};
use std::time::{Duration, UNIX_EPOCH};

/// What a client signs with, good or not.
struct Inputs {
    access_key_id: String,
    secret: String,
    session_token: Option<String>,
    cluster: String,
    endpoint: StsEndpoint,
    seconds: u64,
    lifetime: Option<u32>,
    order: ParameterOrder,
}

impl Inputs {
    fn draw(u: &mut Unstructured<'_>, table: &EndpointTable) -> Result<Self> {
        Ok(Self {
            seconds: u64::arbitrary(u)? >> u.int_in_range(20..=34)?,
            lifetime: Option::arbitrary(u)?,
            order: *u.choose(&[ParameterOrder::Go, ParameterOrder::Botocore])?,
            endpoint: u.choose_iter(table.iter())?.clone(),
            access_key_id: if u.ratio(3, 4)? { "ASIAIOSFODNN7EXAMPLE".to_owned() } else { text(u, 130)? },
            cluster: text(u, 24)?,
            session_token: if u.arbitrary()? { Some(text(u, 200)?) } else { None },
            secret: text(u, 60)?,
        })
    }
}

/// Visible ASCII for the most part.
fn text(u: &mut Unstructured<'_>, longest: usize) -> Result<String> {
    let character = |byte: u8| match byte {
        0xfc => ' ',
        0xfd => '\n',
        0xfe => '\0',
        0xff => '\u{e9}',
        _ => char::from(b'!' + byte % 94),
    };
    (0..u.int_in_range(0..=longest)?).map(|_| u.arbitrary().map(character)).collect()
}

/// Mints with whatever the bytes say, and tells whether it could.
pub(crate) fn presigned(bytes: &[u8], table: &EndpointTable) -> bool {
    let Ok(inputs) = Inputs::draw(&mut Unstructured::new(bytes), table) else { return false };
    let Ok(cluster) = ClusterId::parse(&inputs.cluster) else { return false };
    let now = UNIX_EPOCH + Duration::from_secs(inputs.seconds);
    let expiry = inputs.lifetime.map(|seconds| now + Duration::from_secs(seconds.into()));
    let (key, secret) = (&inputs.access_key_id, &inputs.secret);
    let credentials = Credentials::new(key, secret, inputs.session_token.clone(), expiry, "test");
    let minted = match presign_in_order(&credentials, &inputs.endpoint, &cluster, now, inputs.order) {
        Ok(minted) => minted,
        Err(error) => {
            let (reason, message) = (error.reason(), error.to_string());
            assert!(!reason.is_empty() && reason.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{reason}");
            assert!(secret.len() < 8 || !message.contains(secret), "{message}");
            return false;
        }
    };
    let token = laws::text(minted.text().expose().as_bytes(), table).expect("the gate accepts what is minted");
    assert_eq!((token.endpoint(), token.access_key_id().as_str()), (&inputs.endpoint, key.as_str()));
    assert_eq!((token.signed_at(), token.amz_expires()), (now, AMZ_EXPIRES));
    assert_eq!(minted.expires_at(), expiry.map_or(now + USABLE_FOR, |expiry| expiry.min(now + USABLE_FOR)));
    let mut url = format!("https://{}", token.endpoint().host());
    token.write_path_and_query(&mut url);
    assert!(sigv4::is_signed(&url, cluster.as_str(), secret), "STS would refuse it");
    assert!(!sigv4::is_signed(&url, &format!("{cluster}x"), secret), "it is good for another cluster");
    let session_token = inputs.session_token.filter(|t| !t.is_empty() || inputs.order == ParameterOrder::Botocore);
    assert_eq!(url.contains("X-Amz-Security-Token="), session_token.is_some());
    assert_eq!(sigv4::value(&url, "X-Amz-Security-Token"), session_token.unwrap_or_default());
    true
}
