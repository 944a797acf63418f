//! Words for a POSIX shell.

/// A word as the shell takes it for one.
pub fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:.,_-+=@".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_that_the_shell_would_change_are_quoted() {
        assert_eq!(quoted("https://localhost:8443"), "https://localhost:8443");
        assert_eq!(quoted("/data dir/ca.pem"), "'/data dir/ca.pem'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$(reboot)"), "'$(reboot)'");
    }
}
