//! Every folder of `tests/vectors` is one case: documents, callers, and what must come out.
//!
//! Documents are found by their names; each is one backend, in the order of `backends` of `case.json` (or as listed
//! here):
//!
//! | file | backend |
//! |---|---|
//! | `config.yaml` | `MountedFile`, with its reserved prefixes |
//! | `aws-auth.yaml` | `EKSConfigMap`, a manifest |
//! | `mapRoles.yaml`, `mapUsers.yaml`, `mapAccounts.yaml`, other `map*.yaml` | `EKSConfigMap`, the values of its data |
//! | `mappings.yaml` | `CRD`, manifests |
//! | `dynamic.json` | `DynamicFile` |
//! | `backend-mode.json` | none; the chain is compared with `modes` |
//!
//! Stages, in order: `findings` (of reading), `lint` (what lint adds), `callers` (resolving, and what `explain` says of
//! the entries that came near), `messages` (every word of all that, in `messages.txt`), `fixed` (all fixes applied give
//! `fixed.*`), `encoded` (the `aws-auth` form).
//!
//! `WRITE_MESSAGES=1 cargo test -p k8s-aws-mapping --test vectors` writes `messages.txt` anew: read what changed before it is kept.

#![allow(clippy::disallowed_methods, reason = "the vectors are files")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use k8s_aws_identity::{AccessKeyId, Arn, CallerIdentity, Partition, Principal};
use k8s_aws_mapping::lint::{self, Format};
use k8s_aws_mapping::{
    Backend, BackendMode, BackendModeFile, Document, DynamicFile, Finding, LintOptions, Options, Outcome, Refusal,
    Resolution, ServerConfig, Severity, Snapshot, apply_fixes, encode_aws_auth,
};
use serde_json::{Value, json};
use std::{fs, path::Path};

#[test]
fn every_vector_comes_out_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut names: Vec<_> = fs::read_dir(&root).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert!(names.len() >= 60, "the vectors are all there");
    let mut failures = Vec::new();
    for name in names {
        let case = Case::load(&root.join(&name));
        let messages = root.join(&name).join("messages.txt");
        if std::env::var_os("WRITE_MESSAGES").is_some() {
            fs::write(&messages, case.messages()).unwrap();
        }
        let mut problems = case.run();
        let want = fs::read_to_string(&messages).unwrap_or_default();
        compare("messages", &json!(case.messages()), &json!(want), &json!(""), &mut problems);
        for (stage, problem) in problems {
            failures.push(format!("{} / {stage}: {problem}", name.to_string_lossy()));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn no_more_entries_and_findings_are_kept_than_may_be() {
    let roles = |entries: usize| Document::from_aws_auth([("mapRoles", "- x\n".repeat(entries))]);
    // The last finding says that there are more.
    assert_eq!(roles(4_999).findings().len(), 4_999);
    assert_eq!(roles(5_001).findings().len(), 5_001);
    assert_eq!(roles(5_002).findings().len(), 5_001);
    assert_eq!(roles(200_001).lost_entries().count(), 200_000);
}

struct Case {
    spec: Value,
    documents: Vec<(BackendMode, Document)>,
    extra_findings: Vec<Finding>,
    options: Options,
    lint: Vec<Finding>,
    fixed: Option<(String, String)>,
}

impl Case {
    fn load(folder: &Path) -> Self {
        let spec: Value = serde_json::from_str(&fs::read_to_string(folder.join("case.json")).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let read = |name: &str| fs::read(folder.join(name)).ok().map(|b| String::from_utf8(b).unwrap());
        let flag = |name: &str| spec["options"][name].as_bool().unwrap_or(false);
        let mut options = Options { sso_role_match: flag("sso"), ..Options::default() };
        let mut lint_options = LintOptions {
            sso_role_match: flag("sso"),
            strict_user_ids: flag("strict"),
            partition: spec["options"]["partition"].as_str().map(|p| Partition::parse(p).unwrap()),
            ..LintOptions::default()
        };
        let mut documents = Vec::new();
        let mut extra_findings = Vec::new();
        let mut lint = Vec::new();
        let mut source = None;
        if let Some(text) = read("config.yaml") {
            let mut config = ServerConfig::parse(&text);
            if let Some(last) = read("last.yaml") {
                config = config.keeping(&ServerConfig::parse(&last));
            }
            options.reserved = config.reserved;
            extra_findings = config.findings;
            assert_eq!(Format::guess(&text), Format::ServerConfig);
            documents.push((BackendMode::MountedFile, config.document));
            lint.extend(lint::lint(&text, Format::ServerConfig, &lint_options));
            lint_options.reserved = options.reserved.clone();
            source = Some((text, "yaml"));
        }
        if let Some(text) = read("aws-auth.yaml") {
            assert_eq!(Format::guess(&text), Format::AwsAuth);
            documents.push((BackendMode::EksConfigMap, Document::from_aws_auth_manifest(&text)));
            lint.extend(lint::lint(&text, Format::AwsAuth, &lint_options));
            source = Some((text, "yaml"));
        }
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let values: Vec<(String, String)> = names
            .iter()
            .filter_map(|n| n.strip_suffix(".yaml"))
            .filter(|key| key.to_lowercase().starts_with("map") && *key != "mappings")
            .map(|key| (key.to_owned(), read(&format!("{key}.yaml")).unwrap()))
            .collect();
        if !values.is_empty() {
            let document = Document::from_aws_auth(values.clone());
            lint.extend(lint::document(&document, BackendMode::EksConfigMap, &lint_options));
            documents.push((BackendMode::EksConfigMap, document));
            if let [(_, text)] = &values[..] {
                source = Some((text.clone(), "yaml"));
            }
        }
        if let Some(text) = read("mappings.yaml") {
            assert_eq!(Format::guess(&text), Format::IdentityMappings);
            documents.push((BackendMode::Crd, Document::from_identity_mapping_manifests(&text)));
            lint.extend(lint::lint(&text, Format::IdentityMappings, &lint_options));
            source = Some((text, "yaml"));
        }
        if let Some(text) = read("dynamic.json") {
            assert_eq!(Format::guess(&text), Format::DynamicFile);
            let mut document = DynamicFile::parse(&text, flag("strict")).document;
            if let Some(last) = read("last.json") {
                document = document.keeping(&DynamicFile::parse(&last, flag("strict")).document);
            }
            documents.push((BackendMode::DynamicFile, document));
            lint.extend(lint::lint(&text, Format::DynamicFile, &lint_options));
            source = Some((text, "json"));
        }
        if let Some(text) = read("backend-mode.json") {
            assert_eq!(Format::guess(&text), Format::BackendMode);
            lint.extend(lint::lint(&text, Format::BackendMode, &lint_options));
            let modes = match BackendModeFile::parse(&text) {
                Ok(file) => json!(file.modes),
                Err(error) => json!(error.reason()),
            };
            assert_eq!(modes, spec["modes"], "{}", folder.display());
            source = Some((text, "json"));
        }
        let fixed = source
            .and_then(|(text, extension)| Some((apply_fixes(&text, &lint), read(&format!("fixed.{extension}"))?)));
        Self { spec, documents, extra_findings, options, lint, fixed }
    }

    fn run(&self) -> Vec<(&'static str, String)> {
        let mut failures = Vec::new();
        let read: Vec<&Finding> =
            self.documents.iter().flat_map(|(_, d)| d.findings()).chain(&self.extra_findings).collect();
        let findings: Vec<String> = read.iter().map(|f| line(f)).collect();
        compare("findings", &json!(findings), &self.spec["findings"], &json!([]), &mut failures);
        let more: Vec<String> = self.lint.iter().filter(|f| !read.contains(f)).map(line).collect();
        if let Some(want) = self.spec.get("lint") {
            compare("lint", &json!(more), want, &json!([]), &mut failures);
        }
        let snapshot = self.snapshot();
        for caller in self.spec["callers"].as_array().into_iter().flatten() {
            let identity = identity(caller);
            let dns = caller["dns"].as_str();
            let got = resolved(&snapshot, &identity, dns);
            let stage = format!("callers {}", caller["arn"]);
            if got != caller["want"] {
                failures.push(("callers", format!("{stage}\n    want {}\n    got  {got}", caller["want"])));
            }
            let explanation = snapshot.explain_with(&identity, dns);
            let same = match (&explanation.outcome, &got) {
                (Outcome::Mapped { username, .. }, got) => got["user"] == **username,
                (Outcome::NeedsInstance { instance_id, .. }, got) => got["needs"] == **instance_id,
                (Outcome::Refused { definite, reason, .. }, got) => {
                    got[if *definite { "refused" } else { "unavailable" }] == reason.as_str()
                }
                _ => false,
            };
            if !same {
                failures.push(("callers", format!("{stage}: explain tells another outcome: {explanation}")));
            }
            let near: Vec<String> = explanation
                .considered
                .iter()
                .map(|c| {
                    let why = serde_json::to_value(c.why).unwrap();
                    match &c.object {
                        Some(object) => format!("{} {} {object}", why.as_str().unwrap(), c.list),
                        None => format!("{} {}[{}]", why.as_str().unwrap(), c.list, c.index),
                    }
                })
                .collect();
            if let Some(want) = caller.get("near") {
                compare("callers", &json!(near), want, &json!([]), &mut failures);
            }
            if let Some(want) = caller["says"].as_str()
                && !explanation.to_string().contains(want)
            {
                failures.push(("callers", format!("{stage}: the explanation lacks {want:?}:\n{explanation}")));
            }
        }
        if let Some((got, want)) = &self.fixed
            && got != want
        {
            failures.push(("fixed", format!("want\n{want}\n    got\n{got}")));
        }
        if let Some(want) = self.spec.get("encoded") {
            compare("encoded", &json!(encode_aws_auth(&self.documents[0].1)), want, &json!({}), &mut failures);
        }
        failures
    }

    /// All that people are told: of each finding, and of each caller.
    fn messages(&self) -> String {
        let read: Vec<&Finding> =
            self.documents.iter().flat_map(|(_, d)| d.findings()).chain(&self.extra_findings).collect();
        let more = self.lint.iter().filter(|f| !read.contains(f));
        let mut out: String = read.iter().copied().chain(more).map(|f| format!("{f}\n")).collect();
        let snapshot = self.snapshot();
        for caller in self.spec["callers"].as_array().into_iter().flatten() {
            let identity = identity(caller);
            let answer = match snapshot.resolve(&identity) {
                Resolution::Mapped(user) => format!("mapped by {}", user.rule),
                Resolution::Needs(lookup) => format!("needs {}", lookup.instance_id()),
                Resolution::NotMapped(refusal) => format!("not mapped: {refusal}"),
                Resolution::Unavailable(refusal) => format!("unavailable: {refusal}"),
            };
            let explanation = snapshot.explain_with(&identity, caller["dns"].as_str());
            out += &format!("\n{}\n{answer}\n{explanation}\n", caller["arn"].as_str().unwrap());
        }
        out
    }

    fn snapshot(&self) -> Snapshot {
        let synced = |mode: BackendMode| match self.documents.iter().find(|(m, _)| *m == mode) {
            Some((_, document)) => Backend::synced(mode, document.clone()),
            None => Backend::not_synced(mode),
        };
        let modes = self.spec["backends"]
            .as_array()
            .map(|names| names.iter().map(|n| BackendMode::parse(n.as_str().unwrap()).unwrap()).collect::<Vec<_>>());
        let modes = modes.unwrap_or_else(|| self.documents.iter().map(|(m, _)| *m).collect());
        Snapshot::new(modes.into_iter().map(synced), self.options.clone())
    }
}

fn compare(stage: &'static str, got: &Value, want: &Value, none: &Value, failures: &mut Vec<(&'static str, String)>) {
    let want = if want.is_null() { none } else { want };
    if got != want {
        failures.push((stage, format!("\n    want {want:#}\n    got  {got:#}")));
    }
}

/// `error duplicate-arn mapRoles[0] 3:5`, and `fix` where there is one.
fn line(f: &Finding) -> String {
    assert_eq!(f.severity, f.code.severity());
    assert!(!f.message.is_empty() && f.severity >= Severity::Hint);
    let mut out = format!("{} {}", f.severity.as_str(), f.code);
    if let Some(list) = f.list {
        out.push_str(&format!(" {list}"));
    }
    if let Some(index) = f.index {
        out.push_str(&format!("[{index}]"));
    }
    if let Some(span) = f.span {
        out.push_str(&format!(" {}:{}", span.start.line, span.start.column));
    }
    if f.fix.is_some() {
        out.push_str(" fix");
    }
    out
}

fn identity(caller: &Value) -> CallerIdentity {
    let text = caller["arn"].as_str().unwrap();
    let arn = Arn::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let account = arn.account.to_string();
    let given = caller["userid"].as_str();
    let user_id = match &arn.principal {
        Principal::Root => account.clone(),
        Principal::FederatedUser { name } => format!("{account}:{name}"),
        Principal::AssumedRole { session, .. } => format!("{}:{session}", given.unwrap_or("AROAIOSFODNN7EXAMPLE")),
        _ => given.unwrap_or("AIDAIOSFODNN7EXAMPLE").to_owned(),
    };
    let key = AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE").unwrap();
    CallerIdentity::new(text, &account, &user_id, key).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn resolved(snapshot: &Snapshot, caller: &CallerIdentity, dns: Option<&str>) -> Value {
    let refusal = |kind: &str, r: &Refusal| {
        let mut out = json!({ kind: r.reason.as_str() });
        if let Some(rule) = &r.rule {
            out["by"] = rule.to_string().split(',').next().unwrap().into();
        }
        out
    };
    let resolution = match (snapshot.resolve(caller), dns) {
        (Resolution::Needs(lookup), Some(dns)) => {
            assert_eq!(lookup.account(), caller.account());
            assert_eq!(Some(lookup.instance_id().as_str()), caller.session_name());
            lookup.resume(dns)
        }
        (resolution, _) => resolution,
    };
    match resolution {
        Resolution::Mapped(user) => {
            let by = user.rule.to_string();
            json!({ "user": user.username, "groups": user.groups, "by": by.split(',').next().unwrap() })
        }
        Resolution::Needs(lookup) => json!({ "needs": lookup.instance_id().as_str() }),
        Resolution::NotMapped(r) => refusal("refused", &r),
        Resolution::Unavailable(r) => refusal("unavailable", &r),
    }
}
