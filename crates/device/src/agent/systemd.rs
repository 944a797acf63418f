//! What the service manager is told: ready, how it goes, alive. spec: sd_notify(3)

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::config::Lookup;

/// The socket of the service manager, if there is one.
#[derive(Debug, Default)]
pub struct Systemd {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Systemd {
    /// By `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn of_environment(lookup: Lookup<'_>) -> Systemd {
        let socket = lookup("NOTIFY_SOCKET").and_then(|path| connect(&path).ok());
        let is_for_us = lookup("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = lookup("WATCHDOG_USEC")
            .and_then(|text| text.parse().ok())
            .filter(|micros| is_for_us && *micros > 0)
            .map(Duration::from_micros);
        Systemd { watchdog: watchdog.filter(|_| socket.is_some()), socket }
    }

    /// How often the service manager wants to hear that we are alive: half of the time after which it acts.
    pub fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }

    /// The program has begun its work.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// The program is alive.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// The program ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// One line for `systemctl status`.
    pub fn status(&self, text: &str) {
        let line = text.replace(['\n', '\r'], " ");
        self.tell(&format!("STATUS={line}"));
    }

    /// A service manager that does not listen is no reason to stop.
    fn tell(&self, text: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(text.as_bytes());
        }
    }
}

fn connect(path: &str) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match path.strip_prefix('@') {
        None => socket.connect(path)?,
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            socket.connect_addr(&address)?;
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => return Err(std::io::ErrorKind::Unsupported.into()),
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    #[test]
    fn the_service_manager_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let pid = std::process::id().to_string();
        let lookup = |name: &str| match name {
            "NOTIFY_SOCKET" => path.to_str().map(str::to_owned),
            "WATCHDOG_USEC" => Some("30000000".to_owned()),
            "WATCHDOG_PID" => Some(pid.clone()),
            _ => None,
        };
        let systemd = Systemd::of_environment(&lookup);
        assert_eq!(systemd.alive_every(), Some(Duration::from_secs(15)));
        systemd.ready();
        systemd.status("two\nlines");
        systemd.alive();
        systemd.stopping();
        let told = ["READY=1", "STATUS=two lines", "WATCHDOG=1", "STOPPING=1"];
        assert_eq!([(); 4].map(|()| receive(&manager)), told);
        drop(manager);
        systemd.alive();
    }

    #[test]
    fn a_watchdog_of_another_process_and_a_missing_socket_mean_nothing() {
        let other = |name: &str| match name {
            "WATCHDOG_USEC" => Some("30000000".to_owned()),
            "WATCHDOG_PID" => Some("1".to_owned()),
            _ => None,
        };
        assert_eq!(Systemd::of_environment(&other).alive_every(), None);
        Systemd::of_environment(&|_| None).ready();
    }
}
