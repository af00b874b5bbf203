//! `lint`

use super::Desk;
use kubernetes_fake::{FakeKubernetes, aws_auth, identity_mapping};
use serde_json::{Value, json};

const MAP: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/dev
      gruops: [a]
      username: dev
";
const GOOD: &str =
    "clusterID: c\nserver:\n  mapUsers:\n  - userarn: arn:aws:iam::111122223333:user/ann\n    username: ann\n";

#[test]
fn the_line_is_shown_with_carets_under_what_is_meant() {
    let desk = Desk::new();
    let map = desk.file("map.yaml", MAP);
    let text = desk.run(&["lint", map]).ok();
    assert_eq!(
        text,
        "warning[unknown-key]: the key `gruops` means nothing here and is ignored; did you mean `groups`?\n \
         --> map.yaml:8:7 (mapRoles[0])\n  |\n8 |       gruops: [a]\n  |       ^^^^^^\n  = fix: `groups`\n\n\
         1 finding in 1 source: 0 errors, 1 warning, 0 hints\n"
    );
}

#[test]
fn the_exit_code_is_for_pipelines() {
    let desk = Desk::new();
    let (map, good) = (desk.file("map.yaml", MAP), desk.file("good.yaml", GOOD));
    let bad = desk.file("bad.json", "{\"backendMode\": \"CRD crd\"}");
    let code = |arguments: &[&str]| desk.run(&[&["lint"], arguments].concat()).code;
    assert_eq!(code(&[good]), 0);
    assert_eq!(code(&[map, good]), 0, "a warning is no failure by itself");
    assert_eq!(code(&[map, "--fail-on", "warning"]), 3);
    assert_eq!(code(&[good, bad]), 3);
    assert_eq!(code(&[bad, "--fail-on", "never"]), 0);
    assert_eq!(code(&["nowhere.yaml"]), 1);
    assert_eq!(code(&[]), 2);
    desk.file("other.yaml", "kind: Deployment\n");
    desk.run(&["lint", "other.yaml"]).fails(1, "nothing in other.yaml that says anything about mappings");
}

#[test]
fn a_file_is_what_is_in_it() {
    let desk = Desk::new();
    let list: String = MAP.lines().map(|line| format!("  {line}\n")).collect();
    let object = "kind: IAMIdentityMapping\nmetadata:\n  name: x\nspec:\n  arn: nonsense\n";
    let items: String = object.lines().map(|line| format!("  {line}\n")).collect();
    for (text, code, line) in [
        (MAP.to_owned(), "unknown-key", 8),
        (format!("kind: List\nitems:\n-{}- kind: Secret\n", &list[1..]), "unknown-key", 10),
        (format!("kind: Service\n---\n{MAP}---\nkind: Service\n"), "unknown-key", 10),
        (format!("kind: Service\n---\n{object}"), "arn-malformed", 7),
        (format!("kind: List\nitems:\n- kind: Secret\n-{}", &items[1..]), "arn-malformed", 8),
        ("server:\n  mapRole: []\n".to_owned(), "unknown-key", 2),
        ("{\n\"mapRoles\": [\n{\"username\": \"x\"}]}".to_owned(), "arn-missing", 3),
        ("{\"backendMode\":\n\"Crd\"}".to_owned(), "backend-mode-unknown", 2),
        ("data:\n  a: [\nkind: ConfigMap\n".to_owned(), "syntax", 3),
    ] {
        let ran = desk.run_with(&["lint", "-", "-o", "json"], &text);
        let findings = ran.json();
        let found = findings.as_array().unwrap().iter().find(|finding| finding["code"] == code);
        let found = found.unwrap_or_else(|| panic!("{code}: {text}{findings:#}"));
        assert_eq!((&found["file"], &found["span"]["start"]["line"]), (&json!("<stdin>"), &json!(line)), "{text}");
        assert!(found["help"].as_str().is_some_and(|help| !help.is_empty()));
        let foreign = |finding: &&Value| finding["code"] == "wrong-shape";
        assert_eq!(findings.as_array().unwrap().iter().filter(foreign).count(), 0, "{text}{findings:#}");
    }
}

#[test]
fn a_server_configuration_counts_for_the_other_files() {
    let desk = Desk::new();
    let map = desk.file("map.yaml", &MAP.replace("gruops", "groups"));
    let config = desk.file(
        "config.yaml",
        "clusterID: c\nserver:\n  partition: aws-cn\n  reservedPrefixConfig:\n  - backendmode: EKSConfigMap\n    \
         usernamePrefixReserveList: [de]\n",
    );
    let codes = |arguments: &[&str]| {
        let findings = desk.run(&[&["lint", "-o", "json"], arguments].concat()).json();
        findings.as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&[map]), Vec::<String>::new());
    assert_eq!(codes(&[map, config]), ["other-partition", "reserved-prefix"]);
    assert_eq!(codes(&[map, "-c", config]), ["other-partition", "reserved-prefix"]);
    assert_eq!(codes(&[map, "--partition", "aws-us-gov"]), ["other-partition"]);
    let sso = desk.file(
        "sso.yaml",
        "server:\n  mapRoles:\n  - sso: {permissionSetName: A, accountID: '111122223333'}\n    username: a\n",
    );
    assert_eq!(codes(&[sso]), ["sso-inert"]);
    assert_eq!(codes(&[sso, "--feature-gates", "SSORoleMatch=true"]), Vec::<String>::new());
}

#[test]
fn github_shows_findings_beside_the_lines() {
    let desk = Desk::new();
    let map = desk.file("a,b.yaml", MAP);
    let text = desk.run(&["lint", map, "-o", "github"]).ok();
    assert_eq!(
        text,
        "::warning file=a%2Cb.yaml,line=8,endLine=8,col=7,endColumn=13,title=unknown-key::the key `gruops` means nothing here \
         and is ignored; did you mean `groups`?\n"
    );
}

/// What the schema of SARIF 2.1.0 requires of the parts that are used, by hand.
#[test]
fn sarif_has_what_its_schema_requires() {
    let desk = Desk::new();
    let (map, bad) = (desk.file("a b.yaml", MAP), desk.file("bad.json", "{\"backendMode\": \"CRD crd\"}"));
    let ran = desk.run(&["lint", map, bad, "-o", "sarif"]);
    assert_eq!(ran.code, 3);
    let log = ran.json();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "aws-iam-authenticator");
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    let levels = ["none", "note", "warning", "error"];
    let whole = |value: &Value| value.as_u64().is_some_and(|n| n > 0);
    for result in results {
        assert_eq!(rules[result["ruleIndex"].as_u64().unwrap() as usize]["id"], result["ruleId"]);
        assert!(levels.contains(&result["level"].as_str().unwrap()));
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        let place = &result["locations"][0]["physicalLocation"];
        assert!(["a%20b.yaml", "bad.json"].contains(&place["artifactLocation"]["uri"].as_str().unwrap()), "{place}");
        let region = &place["region"];
        assert!(["startLine", "startColumn", "endLine", "endColumn"].iter().all(|key| whole(&region[key])), "{region}");
    }
    let ids: Vec<&Value> = rules.iter().map(|rule| &rule["id"]).collect();
    let mut unique = ids.clone();
    unique.dedup();
    assert_eq!(ids, unique);
    for rule in rules {
        assert!(rule["shortDescription"]["text"].as_str().is_some_and(|text| text.ends_with('.')), "{rule}");
        assert!(levels.contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
    }
    let change = &results[0]["fixes"][0]["artifactChanges"][0];
    assert_eq!(change["replacements"][0]["insertedContent"]["text"], "groups");
    assert!(whole(&change["replacements"][0]["deletedRegion"]["startLine"]));
}

#[test]
fn what_the_cluster_has_is_looked_at_too() {
    let fake = FakeKubernetes::start();
    fake.apply(aws_auth([
        ("mapRoles", "- rolearn: arn:aws:iam::111122223333:role/dev\n  usrname: dev\n  username: x\n"),
        ("mapUser", "[]"),
    ]));
    fake.apply(identity_mapping("x", "nonsense", "x", &[]));
    let desk = Desk::new();
    let kubeconfig = desk.file("kubeconfig", &fake.kubeconfig());
    let ran = desk.run(&["lint", "--kubeconfig", kubeconfig]);
    assert_eq!(ran.code, 3);
    for line in [
        "kube-system/aws-auth/mapRoles:2:3",
        "error[misspelt-list]",
        " --> iamidentitymappings (IAMIdentityMapping `x`)",
    ] {
        assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
    }
    assert!(fake.requests().iter().all(|request| request.verb == "get" || request.verb == "list"));
}

#[test]
fn nothing_in_a_file_is_obeyed_by_a_terminal() {
    let desk = Desk::new();
    let config = desk.file("config.yaml", "server:\n  \"\\e[2Jmap\": \u{1b}[31m\n");
    let ran = desk.run(&["lint", config]);
    assert!(!ran.stdout.contains('\u{1b}'), "{:?}", ran.stdout);
}
