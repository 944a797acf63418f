use super::*;

fn finder<'a>(args: &'a ApiArgs, variable: Variable<'a>, config: &str, credentials: &str) -> Finder<'a> {
    let read = |text| Sections::parse(text).unwrap();
    Finder { args, variable, files: Files { config: read(config), credentials: read(credentials) } }
}

fn found(args: &ApiArgs, set: &[(&str, &str)], config: &str, credentials: &str) -> Result<Settings> {
    let variable =
        |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
    finder(args, &variable, config, credentials).find()
}

const KEYS: &str = "[default]\naws_access_key_id = D\naws_secret_access_key = d\n\
                    [ops]\naws_access_key_id = O\naws_secret_access_key = o\naws_session_token = t\n";
const ENV: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "e"), ("AWS_REGION", "eu-west-1")];

fn key(settings: &Settings) -> &str {
    match &settings.secret {
        Secret::Key(key) => &key.id,
        other => panic!("{other}"),
    }
}

#[test]
fn options_count_more_than_the_environment_and_that_more_than_files() {
    let config = "[default]\nregion = ap-south-1\nca_bundle = ~/file.pem\nendpoint_url = http://file:1\n\
                  [profile ops]\nregion = us-west-2\n";
    let none = ApiArgs::default();
    let home = [("HOME", "/h")];
    let settings = found(&none, &home, config, KEYS).unwrap();
    assert_eq!((settings.region.as_str(), key(&settings)), ("ap-south-1", "D"));
    assert_eq!(settings.ca, Some("/h/file.pem".into()));
    assert_eq!(settings.endpoint(Service::Iot), "http://file:1");

    let set = [&ENV[..], &[("AWS_CA_BUNDLE", "env.pem"), ("AWS_ENDPOINT_URL", "http://env:1")]].concat();
    let settings = found(&none, &set, config, KEYS).unwrap();
    assert_eq!((settings.region.as_str(), key(&settings)), ("eu-west-1", "E"));
    assert_eq!(
        (settings.ca.clone(), settings.endpoint(Service::Sts)),
        (Some("env.pem".into()), "http://env:1".into())
    );

    let args = ApiArgs {
        profile: Some("ops".into()),
        region: Some("eu-north-1".into()),
        ca_bundle: Some("option.pem".into()),
        endpoint_url: Some("http://option:1".into()),
        ..ApiArgs::default()
    };
    let settings = found(&args, &set, config, KEYS).unwrap();
    assert_eq!((settings.region.as_str(), key(&settings)), ("eu-north-1", "O"));
    let ca = settings.ca.clone();
    assert_eq!((ca, settings.endpoint(Service::Iam)), (Some("option.pem".into()), "http://option:1".into()));
}

#[test]
fn the_other_names_of_variables_count_too() {
    let none = ApiArgs::default();
    let set = [("AWS_DEFAULT_PROFILE", "ops"), ("AWS_DEFAULT_REGION", "r-1")];
    let settings = found(&none, &set, "", KEYS).unwrap();
    assert_eq!((settings.region.as_str(), key(&settings)), ("r-1", "O"));
    let set = [&ENV[..], &[("AWS_SECURITY_TOKEN", "old")]].concat();
    let settings = found(&none, &set, "", "").unwrap();
    assert!(matches!(settings.secret, Secret::Key(Key { session_token: Some(token), .. }) if token == "old"));
}

#[test]
fn each_service_may_have_an_endpoint_of_its_own() {
    let config = "[profile x]\nregion = r-1\nservices = s\nendpoint_url = http://all:1\n[services s]\niot =\n  endpoint_url = http://iot:1\n\
                  iotsecuretunneling =\n  endpoint_url = http://tunneling:1\niot_data_plane =\n  endpoint_url = http://data:1\n";
    let credentials = "[x]\naws_access_key_id = X\naws_secret_access_key = x\n";
    let args = ApiArgs { profile: Some("x".into()), ..ApiArgs::default() };
    let urls = |set: &[(&str, &str)]| {
        let settings = found(&args, set, config, credentials).unwrap();
        [Service::Iot, Service::IotData, Service::Tunneling, Service::Sts]
            .map(|service| settings.endpoint(service))
    };
    assert_eq!(urls(&[]), ["http://iot:1", "http://data:1", "http://tunneling:1", "http://all:1"]);
    let set = [("AWS_ENDPOINT_URL_IOTSECURETUNNELING", "http://env:1")];
    assert_eq!(urls(&set), ["http://iot:1", "http://data:1", "http://env:1", "http://all:1"]);
    let set = [("AWS_ENDPOINT_URL", "http://env:1"), ("AWS_ENDPOINT_URL_IOT", "http://env:2")];
    assert_eq!(urls(&set), ["http://env:2", "http://env:1", "http://env:1", "http://env:1"]);
    let set = [("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"), ("AWS_ENDPOINT_URL", "http://env:1")];
    assert_eq!(urls(&set)[0], "https://iot.r-1.amazonaws.com");
    let missing = found(&args, &[], "[profile x]\nregion = r\nservices = none\n", credentials).unwrap_err();
    assert!(missing.to_string().contains("services section none"), "{missing}");
}

#[test]
fn without_an_endpoint_the_calls_go_to_aws() {
    let settings = found(&ApiArgs::default(), &ENV, "", "").unwrap();
    assert!(settings.is_aws(Service::Iot));
    assert_eq!(settings.endpoint(Service::Tunneling), "https://api.tunneling.iot.eu-west-1.amazonaws.com");
    assert_eq!(settings.signing_region(Service::Iam), "us-east-1");
}

#[test]
fn a_role_is_asked_for_with_the_key_of_its_source() {
    let config = "[profile role]\nregion = r\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = ops\nexternal_id = x\n\
                  duration_seconds = 900\nrole_session_name = me\n\
                  [profile loop]\nregion = r\nrole_arn = a\nsource_profile = loop2\n\
                  [profile loop2]\nrole_arn = a\nsource_profile = loop\n\
                  [profile env]\nregion = r\nrole_arn = a\ncredential_source = Environment\n\
                  [profile mfa]\nregion = r\nrole_arn = a\nsource_profile = ops\nmfa_serial = m\n\
                  [profile ec2]\nregion = r\nrole_arn = a\ncredential_source = Ec2InstanceMetadata\n";
    let named = |name: &str, set: &[(&str, &str)]| {
        found(&ApiArgs { profile: Some(name.into()), ..ApiArgs::default() }, set, config, KEYS)
    };
    let Secret::Role { input, source } = named("role", &[]).unwrap().secret else { panic!("no role") };
    assert_eq!(
        input,
        json!({ "RoleArn": "arn:aws:iam::1:role/r", "RoleSessionName": "me", "ExternalId": "x", "DurationSeconds": 900 })
    );
    assert!(matches!(*source, Secret::Key(Key { id, .. }) if id == "O"));
    let Secret::Role { source, .. } = named("env", &ENV).unwrap().secret else { panic!("no role") };
    assert!(matches!(*source, Secret::Key(Key { id, .. }) if id == "E"));
    for (name, why) in [("loop", "too many profiles"), ("mfa", "mfa_serial"), ("ec2", "Ec2InstanceMetadata")]
    {
        let failure = named(name, &[]).unwrap_err();
        assert!(failure.to_string().contains(why), "{failure}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for (config, why) in [
        ("[default]\nregion = r\nsso_session = s\n", "IAM Identity Center"),
        ("[default]\nregion = r\nrole_arn = a\nweb_identity_token_file = f\n", "web identity"),
    ] {
        let failure = found(&ApiArgs::default(), &[], config, "").unwrap_err();
        assert!(failure.to_string().contains(why), "{failure}");
        assert!(format!("{failure:?}").contains("export-credentials"), "{failure:?}");
    }
    let set = [("AWS_REGION", "r"), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://x")];
    assert!(found(&ApiArgs::default(), &set, "", "").unwrap_err().to_string().contains("container"));
}

#[test]
fn what_is_missing_is_named() {
    let none = ApiArgs::default();
    let failure = found(&none, &ENV[..2], "", "").unwrap_err();
    assert!(failure.to_string().contains("no region"), "{failure}");
    let failure = found(&none, &[("AWS_ACCESS_KEY_ID", "E"), ("AWS_REGION", "r")], "", "").unwrap_err();
    assert!(failure.to_string().contains("AWS_SECRET_ACCESS_KEY"), "{failure}");
    let failure = found(&none, &[("AWS_PROFILE", "nobody")], "", KEYS).unwrap_err();
    assert!(failure.to_string().contains("there are: default, ops"), "{failure}");
    let settings = found(&none, &[("AWS_REGION", "r")], "", "").unwrap();
    assert!(matches!(settings.secret, Secret::None(why) if why().to_string().contains("no access key")));
}

#[test]
fn a_program_may_print_the_key() {
    let config = "[default]\nregion = r\ncredential_process = /bin/keys --for 'a b'\n";
    let settings = found(&ApiArgs::default(), &[], config, "").unwrap();
    assert!(matches!(settings.secret, Secret::Process(words) if words == ["/bin/keys", "--for", "a b"]));
}

fn folder_of_a_server() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = json!({ "endpoint": "https://localhost:8443", "region": "us-east-1", "ca": "/d/ca.pem",
                       "credentials": "/d/credentials", "settings": "/d/s", "admin": "/d/a" });
    std::fs::write(folder.path().join(data_dir::FILE), file.to_string()).unwrap();
    folder
}

#[test]
fn a_data_folder_brings_url_region_ca_and_key() {
    let folder = folder_of_a_server();
    let here = folder.path().display().to_string();
    let option = ApiArgs { data_dir: Some(folder.path().to_owned()), ..ApiArgs::default() };
    let by_variable = [&ENV[..], &[("ADIT_DATA_DIR", here.as_str())]].concat();
    for (args, set) in [(&option, &ENV[..]), (&ApiArgs::default(), &by_variable[..])] {
        let settings = found(args, set, "", KEYS).unwrap();
        assert_eq!(
            (settings.endpoint(Service::Iot).as_str(), settings.region.as_str()),
            ("https://localhost:8443", "us-east-1")
        );
        assert_eq!(settings.ca, Some("/d/ca.pem".into()));
        assert!(
            matches!(&settings.secret, Secret::File(path) if path == Path::new("/d/credentials")),
            "{settings}"
        );
    }
    let args = ApiArgs { profile: Some("ops".into()), region: Some("r-2".into()), ..option };
    let settings = found(&args, &[], "", KEYS).unwrap();
    assert_eq!((key(&settings), settings.region.as_str()), ("O", "r-2"));
    let args = ApiArgs { endpoint_url: Some("http://other:1".into()), ..ApiArgs::default() };
    assert_eq!(found(&args, &by_variable, "", "").unwrap().endpoint(Service::Iot), "http://other:1");
}

#[test]
fn a_folder_without_a_server_is_named() {
    let args = ApiArgs { data_dir: Some("/no/such/folder".into()), ..ApiArgs::default() };
    let failure = found(&args, &[], "", "").unwrap_err();
    assert!(failure.to_string().contains("/no/such/folder"), "{failure}");
}

#[test]
fn tunnels_are_where_the_api_is_unless_it_is_awss() {
    let at =
        |set: &[(&str, &str)]| found(&ApiArgs::default(), set, "", "").unwrap().tunnel_endpoint().unwrap();
    assert_eq!(at(&ENV), "data.tunneling.iot.eu-west-1.amazonaws.com:443");
    let url = |url| [&ENV[..], &[("AWS_ENDPOINT_URL", url)]].concat();
    assert_eq!(at(&url("https://adit.example:8443")), "adit.example:8443");
    assert_eq!(at(&url("https://[::1]")), "[::1]:443");
}
