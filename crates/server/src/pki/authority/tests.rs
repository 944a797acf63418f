use aws_lc_rs::signature::{self, UnparsedPublicKey};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyUsagePurpose, PKCS_ED25519};

use super::*;

const NOW: i64 = 1_795_000_000;
const YEAR: i64 = 31_536_000;

fn name(common_name: &str) -> Name {
    let named = Name::default().with(Attribute::Country, "IN");
    named.and_then(|name| name.with(Attribute::CommonName, common_name)).unwrap()
}

fn authority(kind: KeyKind) -> Authority {
    Authority::make(Key::generate(kind).unwrap(), &name("Root"), 10 * YEAR, &Ids::Real, NOW).unwrap()
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// Every extension as text, after the signature was verified with the issuer's key.
fn extensions(
    signed: &Signed,
    issuer: &Signed,
    algorithm: &'static dyn signature::VerificationAlgorithm,
) -> Vec<String> {
    let (der, issuer) = (der(&signed.pem), der(&issuer.pem));
    let (_, issuer) = X509Certificate::from_der(&issuer).unwrap();
    let (rest, read) = X509Certificate::from_der(&der).unwrap();
    assert!(rest.is_empty());
    assert_eq!((read.version().0, read.issuer().as_raw()), (2, issuer.subject().as_raw()));
    assert_eq!(read.signature_algorithm, read.tbs_certificate.signature);
    UnparsedPublicKey::new(algorithm, &issuer.public_key().subject_public_key.data)
        .verify(read.tbs_certificate.as_ref(), &read.signature_value.data)
        .unwrap();
    let own = key_id(issuer.public_key().raw);
    let text = |parsed: &ParsedExtension<'_>| match parsed {
        ParsedExtension::BasicConstraints(c) => format!("ca {}", c.ca),
        ParsedExtension::KeyUsage(usage) => format!("usage {usage}"),
        ParsedExtension::ExtendedKeyUsage(usage) => {
            format!("client {} server {}", usage.client_auth, usage.server_auth)
        }
        ParsedExtension::SubjectKeyIdentifier(id) => {
            format!("skid {}", id.0 == key_id(read.public_key().raw))
        }
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            format!("akid {}", id.key_identifier.as_ref().is_some_and(|id| id.0 == own))
        }
        other => format!("{other:?}"),
    };
    read.extensions().iter().map(|e| format!("{} {}", e.critical, text(e.parsed_extension()))).collect()
}

#[test]
fn a_ca_and_its_devices_have_the_right_extensions() {
    for (kind, algorithm) in [
        (KeyKind::P256, &signature::ECDSA_P256_SHA256_ASN1 as &'static dyn signature::VerificationAlgorithm),
        (KeyKind::P384, &signature::ECDSA_P384_SHA384_ASN1),
        (KeyKind::Rsa2048, &signature::RSA_PKCS1_2048_8192_SHA256),
    ] {
        let ca = authority(kind);
        assert_eq!(
            extensions(ca.certificate(), ca.certificate(), algorithm),
            ["true ca true", "true usage Key Cert Sign, CRL Sign", "false skid true", "false akid true"]
        );
        let key = Key::generate(KeyKind::P256).unwrap();
        let device = ca.device(&name("DemoThing"), &key, YEAR, &Ids::Real, NOW).unwrap();
        assert_eq!(
            extensions(&device, ca.certificate(), algorithm),
            [
                "true ca false",
                "true usage Digital Signature",
                "false client true server false",
                "false skid true",
                "false akid true"
            ]
        );
        assert_eq!(device.subject, "C=IN, CN=DemoThing");
        let again = ca.device(&name("DemoThing"), &key, YEAR, &Ids::Real, NOW).unwrap();
        assert_ne!(device.id, again.id, "two certificates with one serial number");
    }
}

#[test]
fn a_ca_is_read_back_from_its_files() {
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048] {
        let made = authority(kind);
        let read =
            Authority::read(&made.certificate().pem, Key::read(&made.key().pem()).unwrap(), NOW).unwrap();
        assert_eq!(read.certificate(), made.certificate());
        assert_eq!((read.name, read.key_id, read.end), (made.name, made.key_id, made.end));
    }
}

#[test]
fn the_verification_certificate_names_the_code() {
    let ca = authority(KeyKind::P256);
    let code = "0123456789abcdef".repeat(4);
    let signed = ca.verification(&code, &Ids::Real, NOW).unwrap();
    assert_eq!(signed.subject, format!("CN={code}"));
    let shown = extensions(&signed, ca.certificate(), &signature::ECDSA_P256_SHA256_ASN1);
    assert_eq!(shown, ["true ca false", "false skid true", "false akid true"]);
    assert!(ca.verification(&code.repeat(2), &Ids::Real, NOW).is_err());
}

#[test]
fn no_certificate_outlives_the_ca() {
    let ca = authority(KeyKind::P256);
    let key = Key::generate(KeyKind::P256).unwrap();
    let ends = |life| ca.device(&name("d"), &key, life, &Ids::Real, NOW).unwrap().ends;
    assert_eq!(ends(11 * YEAR), ca.certificate().ends);
    assert_eq!(ends(YEAR), NOW - issue::EARLIER + YEAR);
}

fn foreign(change: impl FnOnce(&mut CertificateParams)) -> (String, Key) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Foreign");
    change(&mut params);
    (params.self_signed(&key).unwrap().pem(), Key(key))
}

#[test]
fn what_is_not_a_ca_is_refused_with_the_reason() {
    let after = |seconds: i64| {
        std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(NOW + seconds).unwrap())
    };
    let (no_ca, no_ca_key) = foreign(|params| params.is_ca = IsCa::ExplicitNoCa);
    let (silent, silent_key) = foreign(|params| params.is_ca = IsCa::NoCa);
    let (mute, mute_key) = foreign(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let (expired, expired_key) = foreign(|params| params.not_after = after(-1).into());
    let (early, early_key) = foreign(|params| params.not_before = after(60).into());
    let (good, _) = foreign(|_| ());
    let (_, other) = foreign(|_| ());
    for (pem, key, why) in [
        (no_ca, no_ca_key, "is not that of a CA"),
        (silent, silent_key, "basicConstraints with CA:TRUE"),
        (mute, mute_key, "keyCertSign"),
        (expired, expired_key, "has expired"),
        (early, early_key, "not valid before"),
        (good.clone(), other, "not that of the CA certificate"),
        ("text".to_owned(), Key::generate(KeyKind::P256).unwrap(), "no certificate in PEM"),
        (encode::pem("CERTIFICATE", b"nonsense"), Key::generate(KeyKind::P256).unwrap(), "malformed"),
    ] {
        let refused = Authority::read(&pem, key, NOW).unwrap_err().to_string();
        assert!(refused.contains(why), "{why}: {refused}");
    }
    let (good, key) = foreign(|params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    let after_text = format!("subject=/CN=Foreign\n{good}");
    Authority::read(&after_text, key, NOW).unwrap();
}

#[test]
fn keys_that_cannot_be_used_are_refused_with_the_reason() {
    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap().serialize_pem();
    for (pem, why) in [
        ("text", "no private key in PEM"),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "openssl pkey",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n", "must be RSA, or EC"),
        (&ed25519, "must be RSA, or EC"),
    ] {
        let refused = Key::read(pem).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn a_request_is_signed_for_its_subject_and_key_if_it_is_signed_by_that_key() {
    let ca = authority(KeyKind::P256);
    let key = KeyPair::generate().unwrap();
    let request = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(vec!["ignored.example".to_owned()]).unwrap();
        change(&mut params);
        params.serialize_request(&key).unwrap()
    };
    let good = request(&|params| params.distinguished_name.push(DnType::CommonName, "DemoThing"));
    let signed = ca.sign(&good.pem().unwrap(), YEAR, &Ids::Real, NOW).unwrap();
    assert!(signed.subject.ends_with("CN=DemoThing"), "{}", signed.subject);
    let der = der(&signed.pem);
    let (_, read) = X509Certificate::from_der(&der).unwrap();
    assert_eq!(read.public_key().raw, key.subject_public_key_info());
    let shown = extensions(&signed, ca.certificate(), &signature::ECDSA_P256_SHA256_ASN1);
    assert_eq!(shown.len(), 5, "{shown:?}");

    let mut forged = good.der().to_vec();
    let at = forged.windows(9).position(|window| window == b"DemoThing").unwrap();
    forged[at] = b'd';
    let empty = request(&|params| params.distinguished_name = rcgen::DistinguishedName::new());
    for (pem, why) in [
        ("text".to_owned(), "none in PEM"),
        (encode::pem("CERTIFICATE REQUEST", b"nonsense"), "PKCS#10"),
        (encode::pem("CERTIFICATE REQUEST", &forged), "not signed by its own key"),
        (empty.pem().unwrap(), "subject is empty"),
    ] {
        let refused = ca.sign(&pem, YEAR, &Ids::Real, NOW).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}
