//! AWS's own policies that its IoT documentation tells people to attach, written from their published actions.
//!
//! `ReadOnlyAccess` names the services of this server only. Each has the one version that counts at AWS.

use crate::time::Timestamp;

/// One of AWS's own policies.
#[derive(Debug)]
pub struct AwsPolicy {
    /// Its name.
    pub name: &'static str,
    /// Its path: `/` or `/service-role/`.
    pub path: &'static str,
    /// The number of its version.
    pub version: i64,
    /// Its document.
    pub document: &'static str,
    /// When AWS published it.
    pub created_at: Timestamp,
    /// When AWS published this version.
    pub updated_at: Timestamp,
}

macro_rules! of_aws {
    ($name:literal, $path:literal, $version:literal, $created:literal, $updated:literal) => {
        AwsPolicy {
            name: $name,
            path: $path,
            version: $version,
            document: include_str!(concat!("aws_policy/", $name, ".json")),
            created_at: Timestamp::from_millis($created),
            updated_at: Timestamp::from_millis($updated),
        }
    };
}

/// All of them, by name.
pub static ALL: [AwsPolicy; 13] = [
    of_aws!("AWSIoTConfigAccess", "/", 9, 1_445_982_727_000, 1_569_617_280_000),
    of_aws!("AWSIoTConfigReadOnlyAccess", "/", 8, 1_445_982_751_000, 1_569_617_560_000),
    of_aws!("AWSIoTDataAccess", "/", 3, 1_445_982_678_000, 1_624_484_087_000),
    of_aws!("AWSIoTFullAccess", "/", 2, 1_444_317_589_000, 1_652_996_351_000),
    of_aws!("AWSIoTLogging", "/service-role/", 1, 1_444_317_445_000, 1_444_317_445_000),
    of_aws!("AWSIoTOTAUpdate", "/service-role/", 1, 1_513_802_213_000, 1_513_802_213_000),
    of_aws!("AWSIoTRuleActions", "/service-role/", 2, 1_444_317_291_000, 1_516_130_899_000),
    of_aws!("AWSIoTThingsRegistration", "/service-role/", 3, 1_512_159_712_000, 1_601_925_612_000),
    of_aws!("AdministratorAccess", "/", 1, 1_423_247_986_000, 1_423_247_986_000),
    of_aws!("IAMFullAccess", "/", 2, 1_423_248_038_000, 1_561_146_000_000),
    of_aws!("IAMReadOnlyAccess", "/", 4, 1_423_248_039_000, 1_516_907_487_000),
    of_aws!("PowerUserAccess", "/", 12, 1_423_247_987_000, 1_770_919_154_000),
    of_aws!("ReadOnlyAccess", "/", 190, 1_423_247_988_000, 1_790_271_428_000),
];

impl AwsPolicy {
    /// The one of that name.
    pub fn find(name: &str) -> Option<&'static AwsPolicy> {
        ALL.iter().find(|policy| policy.name == name)
    }

    /// Its unique id: of the right form, but not the one it has at AWS.
    pub fn id(&self) -> String {
        let place = ALL.iter().position(|policy| policy.name == self.name).unwrap_or_default();
        format!("ANPAADITAWSPOLICY{place:04}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_json_and_is_found_by_its_name() {
        assert!(ALL.is_sorted_by(|one, other| one.name < other.name));
        for policy in &ALL {
            let document: serde_json::Value = serde_json::from_str(policy.document).unwrap();
            assert!(document["Statement"].is_array(), "{}", policy.name);
            assert!(std::ptr::eq(AwsPolicy::find(policy.name).unwrap(), policy));
            assert_eq!(policy.id().len(), 21);
        }
        assert!(AwsPolicy::find("Nothing").is_none());
    }
}
