//! Where the tunnels are, when that is said somewhere: by the user, or in the settings of the local proxy.

/// The endpoint as `host` or `host:port`: what the user said, else what the local proxy's settings (the text of the file
/// that `adit env` names) say of the region. `None` leaves it to the place of the API.
///
/// # Errors
/// Settings that cannot be read.
pub fn find(given: Option<&str>, settings: Option<&str>, region: &str) -> Result<Option<String>, String> {
    if let Some(given) = given {
        return Ok(Some(given.to_owned()));
    }
    let Some(text) = settings else { return Ok(None) };
    let settings = adit_device::settings::parse(text)?;
    match settings.region_endpoint_overrides.contains_key(region) {
        true => settings.endpoint_of(region).map(Some),
        false => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_direct_word_wins() {
        let settings =
            r#"{"tunneling":{"proxy":{"region_endpoint_overrides":{"home-1":"tunnels.example:8443"}}}}"#;
        let found = |given, settings, region| find(given, settings, region).unwrap();
        assert_eq!(found(Some("x:1"), Some(settings), "home-1").as_deref(), Some("x:1"));
        assert_eq!(found(None, Some(settings), "home-1").as_deref(), Some("tunnels.example:8443"));
        assert_eq!(found(None, Some(settings), "eu-west-1"), None);
        assert_eq!(found(None, None, "home-1"), None);
        assert!(find(None, Some("{"), "home-1").is_err());
    }
}
