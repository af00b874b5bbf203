//! What a service answers, before it becomes bytes: the query protocol's answers and errors, as XML or JSON, and EC2's.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// The namespace of STS answers, which is its API version.
const XMLNS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The namespace of EC2 answers.
const EC2_XMLNS: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// An error of AWS: HTTP status, code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }
}

/// The format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Xml,
    Json,
    /// The XML of EC2, which has shapes of its own.
    Ec2,
    /// Plain JSON, as services have it that are younger than the query protocol.
    Rest,
}

impl Format {
    /// STS answers in JSON if the request's `Accept` names it, and in XML otherwise.
    pub(crate) fn wanted(headers: &HeaderMap) -> Self {
        let json = |v: &HeaderValue| v.to_str().is_ok_and(|v| v.to_ascii_lowercase().contains("application/json"));
        if headers.get_all(header::ACCEPT).iter().any(json) { Self::Json } else { Self::Xml }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Xml => "text/xml",
            Self::Json | Self::Rest => "application/json",
            Self::Ec2 => "text/xml;charset=UTF-8",
        }
    }
}

/// A successful answer of the query protocol: `<action>Response` with `<action>Result` and these fields in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) action: &'static str,
    pub(crate) fields: Vec<(&'static str, Field)>,
}

/// The value of a field of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Text(String),
    Group(Vec<(&'static str, Field)>),
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A successful answer of EC2: what stands in `<action>Response` behind the request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) action: &'static str,
    pub(crate) inner: String,
}

/// What a service has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Answer(Answer),
    Document(Document),
    /// The answer of a service that speaks plain JSON.
    Json(String),
    Refusal(Refusal),
    /// What AWS's front end says, not in the format of the service: status, `Location` and body.
    FrontEnd(u16, Option<&'static str>, &'static str),
}

/// An answer as bytes, still in the hand of the faults.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Verdict {
    pub(crate) fn render(&self, format: Format, request_id: &str) -> Reply {
        let (status, body, content_type) = match self {
            Self::Answer(answer) => (200, success(answer, format, request_id), format.content_type()),
            Self::Document(document) => (200, ec2_success(document, request_id), Format::Ec2.content_type()),
            Self::Json(body) => (200, body.clone(), Format::Rest.content_type()),
            Self::Refusal(refusal) => (refusal.status, failure(refusal, format, request_id), format.content_type()),
            Self::FrontEnd(status, _, body) => (*status, (*body).to_owned(), "application/xml"),
        };
        let mut reply = Reply::new(status, content_type, body);
        if let Ok(id) = HeaderValue::from_str(request_id) {
            reply.headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
        }
        if let (Self::Refusal(refusal), Format::Rest) = (self, format) {
            let code = HeaderValue::from_static(refusal.code);
            reply.headers.insert(HeaderName::from_static("x-amzn-errortype"), code);
        }
        if let Self::FrontEnd(_, Some(location), _) = self {
            reply.headers.insert(header::LOCATION, HeaderValue::from_static(location));
        }
        reply
    }
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers, body: body.into() }
    }
}

fn success(answer: &Answer, format: Format, request_id: &str) -> String {
    let action = answer.action;
    match format {
        Format::Xml | Format::Ec2 => {
            let fields = xml_fields(&answer.fields);
            format!(
                "<{action}Response xmlns=\"{XMLNS}\">\n  <{action}Result>\n{fields}  </{action}Result>\n  \
                 <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n</{action}Response>\n"
            )
        }
        Format::Json | Format::Rest => {
            let fields = json_fields(&answer.fields);
            format!(
                "{{\"{action}Response\":{{\"{action}Result\":{fields},\"ResponseMetadata\":{{\"RequestId\":\"{request_id}\"}}}}}}"
            )
        }
    }
}

fn xml_fields(fields: &[(&str, Field)]) -> String {
    let field = |(name, value): &(&str, Field)| match value {
        Field::Text(text) => format!("    <{name}>{}</{name}>\n", xml(text)),
        Field::Group(fields) => format!("    <{name}>\n{}    </{name}>\n", xml_fields(fields)),
    };
    fields.iter().map(field).collect()
}

fn json_fields(fields: &[(&str, Field)]) -> String {
    let field = |(name, value): &(&str, Field)| match value {
        Field::Text(text) => format!("\"{name}\":{}", json(text)),
        Field::Group(fields) => format!("\"{name}\":{}", json_fields(fields)),
    };
    format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
}

fn ec2_success(document: &Document, request_id: &str) -> String {
    let Document { action, inner } = document;
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response xmlns=\"{EC2_XMLNS}\">\n    \
         <requestId>{request_id}</requestId>\n{inner}</{action}Response>\n"
    )
}

fn failure(refusal: &Refusal, format: Format, request_id: &str) -> String {
    let Refusal { status, code, message } = refusal;
    let fault = if *status < 500 { "Sender" } else { "Receiver" };
    match format {
        Format::Xml => format!(
            "<ErrorResponse xmlns=\"{XMLNS}\">\n  <Error>\n    <Type>{fault}</Type>\n    <Code>{code}</Code>\n    \
             <Message>{}</Message>\n  </Error>\n  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n",
            xml(message)
        ),
        Format::Json => format!(
            "{{\"Error\":{{\"Code\":\"{code}\",\"Message\":{},\"Type\":\"{fault}\"}},\"RequestId\":\"{request_id}\"}}",
            json(message)
        ),
        Format::Rest => format!("{{\"message\":{}}}", json(message)),
        Format::Ec2 => format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{}\
             </Message></Error></Errors><RequestID>{request_id}</RequestID></Response>",
            xml(message)
        ),
    }
}

pub(crate) fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(verdict: &Verdict, format: Format) -> String {
        String::from_utf8(verdict.render(format, "id-1").body.to_vec()).unwrap()
    }

    #[test]
    fn answers_and_errors_have_the_shapes_of_the_query_protocol() {
        let answer = Verdict::Answer(Answer { action: "GetX", fields: vec![("Arn", "a<\"b".to_owned().into())] });
        assert_eq!(
            body(&answer, Format::Json),
            r#"{"GetXResponse":{"GetXResult":{"Arn":"a<\"b"},"ResponseMetadata":{"RequestId":"id-1"}}}"#
        );
        assert!(body(&answer, Format::Xml).contains("<GetXResult>\n    <Arn>a&lt;\"b</Arn>\n  </GetXResult>"));
        let refusal = Verdict::Refusal(Refusal::new(403, "Nope", "no & no"));
        assert_eq!(
            body(&refusal, Format::Json),
            r#"{"Error":{"Code":"Nope","Message":"no & no","Type":"Sender"},"RequestId":"id-1"}"#
        );
        assert!(body(&refusal, Format::Xml).contains("<Code>Nope</Code>\n    <Message>no &amp; no</Message>"));
        assert_eq!(refusal.render(Format::Xml, "id-1").headers["x-amzn-requestid"], "id-1");
    }

    #[test]
    fn json_is_given_to_those_who_accept_it() {
        let wanted = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
            Format::wanted(&headers)
        };
        assert_eq!(wanted("application/json"), Format::Json);
        assert_eq!(wanted("text/html, Application/JSON;q=0.9"), Format::Json);
        assert_eq!(wanted("*/*"), Format::Xml);
        assert_eq!(Format::wanted(&HeaderMap::new()), Format::Xml);
    }
}
