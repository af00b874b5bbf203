use super::*;
use http::HeaderMap;

fn wanted(form: &str) -> Result<Wanted, Refusal> {
    let headers = HeaderMap::new();
    let received = Received { method: "POST", path: "/", query: form, host: "", headers: &headers, body: b"" };
    Wanted::of(&Parameters::of(&received).unwrap())
}

fn ids(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn filters_and_ids_narrow_each_other() {
    let filter = "Filter.1.Name=instance-id&Filter.1.Value.1=i-1&Filter.1.Value.2=i-2";
    for (form, want) in [
        ("", None),
        (filter, Some(ids(&["i-1", "i-2"]))),
        ("InstanceId.1=i-3&InstanceId.2=i-1", Some(ids(&["i-1", "i-3"]))),
        (
            "Filter.2.Name=instance-id&Filter.2.Value.1=i-2&Filter.1.Name=instance-id&Filter.1.Value.1=i-1",
            Some(ids(&[])),
        ),
        (&format!("{filter}&InstanceId.1=i-2&InstanceId.2=i-3"), Some(ids(&["i-2"]))),
        ("Action=DescribeInstances&Version=2016-11-15&DryRun=false&MaxResults=5", None),
    ] {
        assert_eq!(wanted(form).unwrap().ids, want, "{form}");
    }
}

#[test]
fn parameters_that_ec2_refuses_are_refused_with_its_codes() {
    let many = |n: usize| {
        let values: String = (0..n).map(|n| format!("&Filter.1.Value.{n}=i-{n}")).collect();
        format!("Filter.1.Name=instance-id{values}")
    };
    assert!(wanted(&many(200)).is_ok());
    for (form, code) in [
        (many(201).as_str(), "FilterLimitExceeded"),
        ("Filter.1.Name=tag:Name&Filter.1.Value.1=x", "InvalidParameterValue"),
        ("Filter.1.Value.1=x", "MissingParameter"),
        ("Filter.a.Value.1=x", "UnknownParameter"),
        ("InstanceId=i-1", "UnknownParameter"),
        ("Foo=1", "UnknownParameter"),
        ("DryRun=true", "UnknownParameter"),
        ("MaxResults=4", "InvalidParameterValue"),
        ("MaxResults=1001", "InvalidParameterValue"),
        ("MaxResults=x", "InvalidParameterValue"),
        ("MaxResults=5&InstanceId.1=i-1", "InvalidParameterCombination"),
        ("NextToken=x", "InvalidNextToken"),
    ] {
        let refusal = wanted(form).err().map(|refusal| (refusal.status, refusal.code));
        assert_eq!(refusal, Some((400, code)), "{form}");
    }
}

#[test]
fn a_page_token_is_for_the_request_that_it_came_from() {
    let asked = ids(&["i-1", "i-2"]);
    let token = page_token(Some(&asked), 5).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let form = |ids: &str| format!("Filter.1.Name=instance-id&Filter.1.Value.1=i-1{ids}&NextToken={token}");
    assert_eq!(wanted(&form("&Filter.1.Value.2=i-2")).unwrap().from, 5);
    assert_eq!(wanted(&form("")).err().unwrap().code, "InvalidNextToken");
    assert_eq!(wanted(&form("&Filter.1.Value.2=i-3")).err().unwrap().code, "InvalidNextToken");
}
