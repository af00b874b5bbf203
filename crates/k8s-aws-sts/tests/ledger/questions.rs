//! What both programs are asked: the rows of the tables, tokens that other programs printed, and drawn tokens.

use super::common::{answer_rows, gate::laws::text_of, gate::rows, gate::sigv4};
use arbitrary::{Arbitrary, Unstructured};
use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_aws_sts::Partition;
use k8s_aws_token::{EndpointTable, Token, near_valid::NearValidToken};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first second of the clock that the Go program is given.
const MIDNIGHT_2000: u64 = 946_684_800;

pub(crate) struct Question {
    /// What it is about; one of its kind.
    pub(crate) name: String,
    /// Drawn, and not a row of a table.
    pub(crate) is_drawn: bool,
    pub(crate) token: Vec<u8>,
    pub(crate) partition: Partition,
    /// Our clock.
    pub(crate) now: SystemTime,
    /// The Go program's clock.
    go_now: u64,
    /// What STS says, where the question is what to make of that.
    pub(crate) answer: Option<http::Response<Vec<u8>>>,
}

impl Question {
    fn new(name: impl Into<String>, token: impl Into<Vec<u8>>, partition: Partition, now: SystemTime) -> Self {
        let go_now = now.duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
        let (name, token) = (name.into(), token.into());
        Self { name, is_drawn: false, token, partition, now, go_now, answer: None }
    }

    /// The line of the file that the Go program reads.
    pub(crate) fn line(&self) -> String {
        let answer = self.answer.as_ref().map(|answer| {
            json!({ "status": answer.status().as_u16(), "headers": headers(answer), "body": STANDARD.encode(answer.body()) })
        });
        json!({
            "row": self.id(),
            "token": STANDARD.encode(&self.token),
            "partition": self.partition.as_str(),
            "now": self.go_now,
            "answer": answer,
        })
        .to_string()
    }

    /// The digest of all that is asked: a verdict to another question is not taken for one to this.
    pub(crate) fn id(&self) -> String {
        let mut parts = vec![self.token.clone(), self.partition.as_str().into(), self.go_now.to_string().into()];
        if let Some(answer) = &self.answer {
            parts.push(answer.status().as_str().into());
            parts.extend(headers(answer).into_iter().flatten().map(String::into_bytes));
            parts.push(answer.body().clone());
        }
        digest(parts.iter().map(Vec::as_slice))
    }
}

fn headers(answer: &http::Response<Vec<u8>>) -> Vec<[String; 2]> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    answer.headers().iter().map(|(name, value)| [name.to_string(), text(value)]).collect()
}

/// The start of the SHA-256 of texts that are each preceded by their length, as `ledger_test.go` has it.
pub(crate) fn digest<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(format!("{}:", text.len()));
        hash.update(text);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Every question, with this many drawn tokens. Names are unique.
pub(crate) fn all(drawn: u64) -> Vec<Question> {
    let mut questions = hostile_tokens();
    questions.extend(clocks());
    questions.extend(hosts());
    questions.extend(printed_tokens());
    questions.extend(answers());
    questions.extend(drawn_tokens(drawn));
    let mut names = BTreeMap::<String, usize>::new();
    for question in &mut questions {
        let number = names.entry(question.name.clone()).or_default();
        *number += 1;
        if *number > 1 {
            question.name += &format!(" ({number})");
        }
    }
    questions
}

/// The tables of the gate, at the second that the token says.
fn hostile_tokens() -> Vec<Question> {
    let question = |row: rows::Row| {
        let date = row.url.as_deref().map(|url| sigv4::value(url, "X-Amz-Date")).unwrap_or_default();
        let date = k8s_aws_identity::AmzDate::parse(&date).map_or(rows::signed_at(), |date| date.time());
        // The Go program's clock knows no earlier one.
        let now = date.max(UNIX_EPOCH + Duration::from_secs(MIDNIGHT_2000));
        Question::new(row.name, row.text, Partition::Aws, now)
    };
    rows::all().into_iter().map(question).collect()
}

/// The valid token, at other times.
fn clocks() -> Vec<Question> {
    let seconds = [-86_400_i64, -901, -900, -899, -60, 0, 60, 899, 900, 901, 960, 86_400];
    let question = |seconds: i64| {
        let now = match u64::try_from(seconds) {
            Ok(later) => rows::signed_at() + Duration::from_secs(later),
            Err(_) => rows::signed_at() - Duration::from_secs(seconds.unsigned_abs()),
        };
        Question::new(format!("{seconds} s after the token's date"), text_of(rows::valid_url()), Partition::Aws, now)
    };
    seconds.into_iter().map(question).collect()
}

/// Every host of the table, asked of a server of its own partition and of one of another.
fn hosts() -> Vec<Question> {
    let table = EndpointTable::standard();
    let ask = |endpoint: &k8s_aws_identity::StsEndpoint, partition: Partition| {
        let url = rows::valid_url().replace("sts.us-west-2.amazonaws.com", endpoint.host());
        let url = rows::signed(&url.replace("%2Fus-west-2%2F", &format!("%2F{}%2F", endpoint.region())));
        let name = format!("{} in {}", endpoint.host(), partition.as_str());
        Question::new(name, text_of(url), partition, rows::signed_at())
    };
    let other = |partition| if partition == Partition::Aws { Partition::AwsCn } else { Partition::Aws };
    table.iter().flat_map(|e| [ask(e, e.partition()), ask(e, other(e.partition()))]).collect()
}

/// Tokens as other programs print them.
fn printed_tokens() -> Vec<Question> {
    let files = [
        include_str!("../../../k8s-aws-token/tests/vectors/generators.json"),
        include_str!("../../../k8s-aws-token/tests/vectors/generators-refused.json"),
    ];
    let rows = files.iter().flat_map(|file| {
        let file: Value = serde_json::from_str(file).expect("the vectors are JSON");
        file["rows"].as_array().expect("`rows` is a list").clone()
    });
    let question = |row: Value| {
        let text = |name: &str| row[name].as_str().unwrap_or_else(|| panic!("{name} in {row}"));
        let partition = Partition::parse(text("partition")).expect("a partition");
        let now = UNIX_EPOCH + Duration::from_secs(row["unix_time"].as_u64().expect("seconds"));
        Question::new(format!("{}: {}", text("generator"), text("name")), text("token"), partition, now)
    };
    rows.map(question).collect()
}

/// The tables of STS's answers, to the call about the valid token.
fn answers() -> Vec<Question> {
    let codes: Vec<Value> = serde_json::from_str(include_str!("../hostile/codes.json")).expect("the table is JSON");
    let of_codes = codes.iter().flat_map(|row| {
        let code = row["code"].as_str().expect("a code");
        [400, 403, 429, 503].map(|status| {
            let answer =
                answer_rows::response(status, &[("content-type", answer_rows::JSON)], answer_rows::error(code));
            (format!("{status} with the code {code:?}"), answer)
        })
    });
    let of_rows = answer_rows::rows().into_iter().map(|row| (row.name, row.answer));
    of_rows
        .chain(of_codes)
        .map(|(name, answer)| {
            let token = text_of(rows::valid_url());
            let question = Question::new(format!("answer: {name}"), token, Partition::Aws, rows::signed_at());
            Question { answer: Some(answer), ..question }
        })
        .collect()
}

/// Drawn tokens lie anywhere between 1970 and 9999. Our clock stands at the token's date, the Go program's at the first
/// second it can: it has no rule about the future. (What either makes of the time is in [`clocks`].)
fn drawn_tokens(count: u64) -> Vec<Question> {
    let table = EndpointTable::standard();
    let draw = |number: u64| {
        let bytes = seeded_bytes(number);
        let drawn = NearValidToken::arbitrary(&mut Unstructured::new(&bytes)).expect("a token");
        let judged = Token::decode(drawn.text(), &table);
        let now = judged.as_ref().map_or(rows::signed_at(), Token::signed_at);
        let url = String::from_utf8_lossy(drawn.url());
        let host = table.iter().filter(|endpoint| url.contains(endpoint.host())).max_by_key(|e| e.host().len());
        let partition = host.map_or(Partition::Aws, k8s_aws_identity::StsEndpoint::partition);
        let question = Question::new(format!("drawn {number}"), drawn.text(), partition, now);
        Question { is_drawn: true, go_now: MIDNIGHT_2000, ..question }
    };
    let is_in_go_years = |question: &Question| question.now >= UNIX_EPOCH + Duration::from_secs(MIDNIGHT_2000);
    (0..count).map(draw).filter(is_in_go_years).collect()
}

/// 900 bytes out of a number (SplitMix64).
fn seeded_bytes(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    };
    std::iter::repeat_with(next).take(113).flatten().collect()
}
