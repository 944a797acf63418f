//! What each input may look like, and the words of its refusal. (spec: secure-tunneling §5.3)

/// A refused value: the input's name and the reason for the security log, and the message for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The name in the `SECURITY: Rejected input for '<name>'` line.
    pub name: &'static str,
    /// The reason in that line.
    pub why: &'static str,
    /// The message that ends the program.
    pub message: &'static str,
}

type Verdict = Result<(), Rejected>;

const fn rejected(name: &'static str, why: &'static str, message: &'static str) -> Rejected {
    Rejected { name, why, message }
}

fn check(holds: bool, name: &'static str, why: &'static str, message: &'static str) -> Verdict {
    if holds { Ok(()) } else { Err(rejected(name, why, message)) }
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < 0x20 || byte == 0x7f)
}

fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:[]-".contains(&byte))
}

/// 1 to 4096 bytes without control characters.
pub fn access_token(token: &str) -> Verdict {
    const NAME: &str = "access-token";
    check(!token.is_empty(), NAME, "empty token", "Access token cannot be empty")?;
    check(
        token.len() <= 4096,
        NAME,
        "exceeds maximum length",
        "Access token exceeds maximum allowed length",
    )?;
    check(
        !has_control(token) && token.is_ascii(),
        NAME,
        "contains control characters",
        "Access token contains invalid control characters",
    )
}

/// Empty, or 32 to 128 bytes without control characters.
pub fn client_token(token: &str) -> Verdict {
    const NAME: &str = "client-token";
    check(
        token.is_empty() || (32..=128).contains(&token.len()),
        NAME,
        "invalid length (must be 32-128 chars)",
        "Client token must be between 32 and 128 characters",
    )?;
    check(
        !has_control(token) && token.is_ascii(),
        NAME,
        "contains control characters",
        "Client token contains invalid control characters",
    )
}

/// 1 to 253 bytes of letters, digits and `.:[]-`.
pub fn endpoint(text: &str) -> Verdict {
    const NAME: &str = "proxy-endpoint";
    check(!text.is_empty(), NAME, "empty endpoint", "Proxy endpoint cannot be empty")?;
    check(
        text.len() <= 253,
        NAME,
        "exceeds maximum length",
        "Proxy endpoint exceeds maximum allowed length",
    )?;
    check(is_host(text), NAME, "invalid characters", "Proxy endpoint contains invalid characters")
}

/// 1 to 64 bytes of lower-case letters, digits and hyphens.
pub fn region(text: &str) -> Verdict {
    const NAME: &str = "region";
    check(!text.is_empty(), NAME, "empty region", "Region cannot be empty")?;
    check(text.len() <= 64, NAME, "exceeds maximum length", "Region exceeds maximum allowed length")?;
    check(
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
        NAME,
        "invalid format",
        "Region must contain only lowercase letters, numbers, and hyphens",
    )
}

/// At most 128 letters, digits, hyphens and underscores.
pub fn service_id(text: &str) -> Verdict {
    const NAME: &str = "service-id";
    check(text.len() <= 128, NAME, "exceeds maximum length", "Service ID exceeds maximum allowed length")?;
    check(
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'),
        NAME,
        "invalid characters",
        "Service ID must contain only alphanumeric characters, hyphens, and underscores",
    )
}

/// A port from 1 to 65535, in digits.
///
/// # Errors
/// The refusal for an empty text, other characters, or a number out of range.
pub fn port(text: &str) -> Result<u16, Rejected> {
    const NAME: &str = "port";
    check(!text.is_empty(), NAME, "empty port string", "Port cannot be empty")?;
    check(
        text.bytes().all(|byte| byte.is_ascii_digit()),
        NAME,
        "non-numeric characters",
        "Port must contain only digits",
    )?;
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(rejected(NAME, "out of valid range", "Port must be between 1 and 65535")),
    }
}

/// Empty, or at most 253 bytes of letters, digits and `.:[]-`.
pub fn bind_address(text: &str) -> Verdict {
    const NAME: &str = "bind-address";
    check(text.len() <= 253, NAME, "exceeds maximum length", "Bind address exceeds maximum allowed length")?;
    check(is_host(text), NAME, "invalid characters", "Bind address contains invalid characters")
}

/// 1 to 4096 bytes without NUL.
pub fn path(text: &str) -> Verdict {
    const NAME: &str = "path";
    check(!text.is_empty(), NAME, "empty path", "Path cannot be empty")?;
    check(text.len() <= 4096, NAME, "exceeds maximum length", "Path exceeds maximum allowed length")?;
    check(!text.contains('\0'), NAME, "contains null byte", "Path contains invalid null byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_bounds() {
        assert!(access_token(&"a".repeat(4096)).is_ok());
        assert_eq!(access_token("").unwrap_err().message, "Access token cannot be empty");
        assert_eq!(
            access_token(&"a".repeat(4097)).unwrap_err().message,
            "Access token exceeds maximum allowed length"
        );
        assert_eq!(
            access_token("a\r\nb").unwrap_err().message,
            "Access token contains invalid control characters"
        );
        assert!(client_token("").is_ok());
        assert!(client_token(&"a".repeat(32)).is_ok());
        for length in [1, 31, 129] {
            assert_eq!(
                client_token(&"a".repeat(length)).unwrap_err().message,
                "Client token must be between 32 and 128 characters"
            );
        }
    }

    #[test]
    fn names_and_numbers_have_alphabets() {
        assert!(endpoint("[::1]:8443").is_ok());
        assert_eq!(endpoint("a/b").unwrap_err().message, "Proxy endpoint contains invalid characters");
        assert!(region("home-1").is_ok());
        assert_eq!(
            region("EU").unwrap_err().message,
            "Region must contain only lowercase letters, numbers, and hyphens"
        );
        assert_eq!(
            service_id("a:b").unwrap_err().message,
            "Service ID must contain only alphanumeric characters, hyphens, and underscores"
        );
        assert_eq!(port("65535").unwrap(), 65535);
        for text in ["0", "65536", "99999999999"] {
            assert_eq!(port(text).unwrap_err().message, "Port must be between 1 and 65535");
        }
        assert_eq!(bind_address("a b").unwrap_err().message, "Bind address contains invalid characters");
        assert_eq!(path("").unwrap_err().message, "Path cannot be empty");
    }
}
