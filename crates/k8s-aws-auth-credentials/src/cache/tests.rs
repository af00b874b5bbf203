use super::*;
use crate::AssumeRole;
use k8s_aws_identity::EndpointKind;

fn sources(role: &str) -> Sources {
    Sources::new(|| unreachable!("no transport is needed")).role(AssumeRole::new(role))
}

fn session(key: &str, left: Duration) -> Found {
    let expiry = SystemTime::now() + left;
    let credentials = Credentials::new(key, "hush", Some("token".to_owned()), Some(expiry), "test");
    Found::new(credentials, None, EndpointKind::Regional)
}

const AN_HOUR: Duration = Duration::from_secs(3600);

fn kept(cache: &CredentialCache, sources: &Sources) -> Option<String> {
    let found = cache.slot(sources).unwrap().find().unwrap();
    found.map(|found| found.credentials().access_key_id().to_owned())
}

#[test]
fn each_role_has_a_slot_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CredentialCache::in_directory(folder.path().join("c"));
    let (a, b) = (sources("a"), sources("b"));
    cache.slot(&a).unwrap().keep(&session("ASIA-A", AN_HOUR)).unwrap();
    assert_eq!(kept(&cache, &b), None);
    cache.slot(&b).unwrap().keep(&session("ASIA-B", AN_HOUR)).unwrap();
    assert_eq!((kept(&cache, &a).as_deref(), kept(&cache, &b).as_deref()), (Some("ASIA-A"), Some("ASIA-B")));
}

#[test]
fn whatever_decides_about_credentials_is_in_the_key() {
    let role = || AssumeRole::new("r");
    let with = |role| Sources::new(|| unreachable!("no transport is needed")).role(role);
    let all = [
        with(role()),
        with(AssumeRole::new("s")),
        with(role().external_id("x")),
        with(role().session_name("x")),
        with(role().session_name("y")),
        with(role().forward_session_name()),
        with(role().mfa_serial("x")),
        with(role().duration_seconds(900)),
        with(role().source_arn("x")),
        with(role()).profile("p"),
        with(role()).region(k8s_aws_identity::Region::US_EAST_1),
        with(role()).endpoint_kind(EndpointKind::Fips),
        Sources::new(|| unreachable!("no transport is needed")),
    ];
    let keys: std::collections::HashSet<String> = all.iter().map(fingerprint).collect();
    assert_eq!(keys.len(), all.len());
    assert_eq!(fingerprint(&with(role())), fingerprint(&with(role())));
}

#[test]
fn credentials_near_their_end_are_not_taken_and_ended_ones_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CredentialCache::in_directory(folder.path());
    let (a, b) = (sources("a"), sources("b"));
    cache.slot(&a).unwrap().keep(&session("ASIA-A", CACHE_MARGIN)).unwrap();
    assert_eq!(kept(&cache, &a), None);
    cache.slot(&a).unwrap().keep(&session("ASIA-A", CACHE_MARGIN + Duration::from_secs(60))).unwrap();
    assert_eq!(kept(&cache, &a).as_deref(), Some("ASIA-A"));
    cache.slot(&a).unwrap().keep(&session("ASIA-A", Duration::ZERO)).unwrap();
    cache.slot(&b).unwrap().keep(&session("ASIA-B", AN_HOUR)).unwrap();
    let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
    assert!(text.contains("ASIA-B") && !text.contains("ASIA-A"), "{text}");
}

#[test]
fn credentials_without_an_end_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CredentialCache::in_directory(folder.path());
    let forever = Credentials::new("AKIA", "hush", None, None, "test");
    let sources = sources("a");
    cache.slot(&sources).unwrap().keep(&Found::new(forever, None, EndpointKind::Regional)).unwrap();
    assert!(!folder.path().join(FILE).exists());
}

#[test]
fn a_damaged_file_is_said_once_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CredentialCache::in_directory(folder.path());
    let sources = sources("a");
    for rubbish in ["", "{", "[]", "{\"version\":2,\"sessions\":{}}", "clusters:\n  x: y\n"] {
        fs::write(folder.path().join(FILE), rubbish).unwrap();
        private(folder.path().join(FILE));
        let slot = cache.slot(&sources).unwrap();
        assert_eq!(slot.find().unwrap_err().reason(), "cache_damaged", "{rubbish}");
        slot.keep(&session("ASIA-A", AN_HOUR)).unwrap();
        assert!(slot.find().unwrap().is_some(), "{rubbish}");
    }
}

fn private(_path: PathBuf) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(_path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn the_file_has_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CredentialCache::in_directory(folder.path());
    let mut contents = Contents { version: VERSION, sessions: BTreeMap::new() };
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 7200;
    for n in 0..MOST_ENTRIES {
        let (access_key_id, secret_access_key) = (format!("ASIA{n}"), "hush".to_owned());
        let expires = end + u64::try_from(n).unwrap();
        contents
            .sessions
            .insert(format!("{n}"), Session { access_key_id, secret_access_key, session_token: None, expires });
    }
    let sources = sources("a");
    let slot = cache.slot(&sources).unwrap();
    slot.write(&folder.path().join(FILE), &contents).unwrap();
    slot.keep(&session("ASIA-NEW", AN_HOUR)).unwrap();
    let contents = slot.read().unwrap();
    assert_eq!(contents.sessions.len(), MOST_ENTRIES);
    assert!(!contents.sessions.contains_key("0"), "the one that ends first has to go");
}

#[cfg(unix)]
#[test]
fn folder_and_files_are_the_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("a").join("b");
    let cache = CredentialCache::in_directory(&directory);
    let sources = sources("a");
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    cache.slot(&sources).unwrap().keep(&session("ASIA-A", AN_HOUR)).unwrap();
    assert_eq!((mode(&directory), mode(&directory.join(FILE)), mode(&directory.join(LOCK))), (0o700, 0o600, 0o600));

    // A folder that somebody opened is closed again; what was open is not believed.
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(directory.join(FILE), fs::Permissions::from_mode(0o644)).unwrap();
    let slot = cache.slot(&sources).unwrap();
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(slot.find().unwrap_err().reason(), "cache_exposed");
    slot.keep(&session("ASIA-B", AN_HOUR)).unwrap();
    assert_eq!(mode(&directory.join(FILE)), 0o600);
    drop(slot);
    assert_eq!(kept(&cache, &sources).as_deref(), Some("ASIA-B"));

    // What a process left behind that was killed is in nobody's way.
    fs::write(directory.join(NEW_FILE), "half").unwrap();
    cache.slot(&sources).unwrap().keep(&session("ASIA-C", AN_HOUR)).unwrap();
    assert_eq!(kept(&cache, &sources).as_deref(), Some("ASIA-C"));

    // Neither is the folder a link to somebody else's.
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&directory, &link).unwrap();
    assert_eq!(CredentialCache::in_directory(link).slot(&sources).unwrap_err().reason(), "cache_directory");
}
