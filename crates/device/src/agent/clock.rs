//! The time, on machines that may begin in 1970.
//!
//! A device without a battery for its clock does not know the time until it has a network, and gets no network while it
//! holds every certificate for one of the future. But some moments have certainly passed: that of the build, the newest
//! one that an earlier run has seen proven, the one from which the device's own certificate counts. The latest of them
//! is the floor, and no time below it is believed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

use super::keep;

/// Seconds of progress that are worth a write to flash.
const WORTH: u64 = 3600;

/// Bytes of the file at most.
const FILE: u64 = 32;

/// The system's clock, and what it must not be below. Seconds since the Unix epoch.
#[derive(Debug)]
pub struct Clock {
    floor: AtomicU64,
    saved: AtomicU64,
    file: Option<PathBuf>,
}

impl Clock {
    /// A clock with the floor of the build and of the file `clock` in the state folder.
    pub fn new(state_dir: &Path) -> Clock {
        let file = state_dir.join("clock");
        let saved = read(&file).unwrap_or(0);
        let built = env!("ADIT_BUILD_TIME").parse().unwrap_or(0);
        Clock { floor: AtomicU64::new(saved.max(built)), saved: AtomicU64::new(saved), file: Some(file) }
    }

    /// A clock with that floor that keeps nothing.
    pub fn with_floor(floor: u64) -> Clock {
        Clock { floor: AtomicU64::new(floor), saved: AtomicU64::new(floor), file: None }
    }

    /// This moment has certainly passed.
    pub fn raise(&self, moment: i64) {
        self.floor.fetch_max(u64::try_from(moment).unwrap_or(0), Ordering::Relaxed);
    }

    /// The time to go by.
    pub fn now(&self) -> u64 {
        system().max(self.floor.load(Ordering::Relaxed))
    }

    /// Whether the system's clock shows a time that has passed already.
    pub fn is_behind(&self) -> bool {
        system() < self.floor.load(Ordering::Relaxed)
    }

    /// The system's time is right: a server's certificate that counts at this time has proven it. Keeps it for a later
    /// start, once an hour.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn proven(&self) -> std::io::Result<()> {
        let (now, saved) = (system(), self.saved.load(Ordering::Relaxed));
        let Some(file) =
            self.file.as_ref().filter(|_| !self.is_behind() && now >= saved.saturating_add(WORTH))
        else {
            return Ok(());
        };
        // Even if it fails: a folder that cannot be written is not tried again for every connection.
        self.saved.store(now, Ordering::Relaxed);
        keep::write(file, format!("{now}\n").as_bytes())
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(self.now())))
    }
}

fn system() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn read(file: &Path) -> Option<u64> {
    let small = std::fs::metadata(file).ok().filter(|meta| meta.len() <= FILE);
    small.and_then(|_| std::fs::read_to_string(file).ok()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_below_the_floor_is_believed() {
        let clock = Clock::with_floor(0);
        assert!(!clock.is_behind());
        let future = system() + 1_000_000;
        clock.raise(i64::try_from(future).unwrap());
        assert!(clock.is_behind());
        assert_eq!(clock.now(), future);
        clock.raise(-1);
        clock.raise(5);
        assert_eq!(clock.now(), future, "the floor only rises");
    }

    #[test]
    fn a_proven_time_is_the_floor_of_the_next_start_and_is_written_rarely() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clock");
        let clock = Clock::new(dir.path());
        assert!(clock.now() >= 1_700_000_000, "the build was later than this source");
        clock.proven().unwrap();
        let kept = read(&file).unwrap();
        assert!(system() - kept < 60);
        std::fs::remove_file(&file).unwrap();
        clock.proven().unwrap();
        assert!(!file.exists(), "an hour has not passed");

        std::fs::write(&file, format!("{}\n", kept + 50_000)).unwrap();
        let later = Clock::new(dir.path());
        assert!(later.is_behind());
        assert_eq!(later.now(), kept + 50_000);
        later.proven().unwrap();
        assert_eq!(read(&file), Some(kept + 50_000), "a clock that is behind proves nothing");
    }

    #[test]
    fn a_damaged_file_is_no_floor() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "soon", "-1", "99999999999999999999999999", &"9".repeat(100)] {
            std::fs::write(dir.path().join("clock"), text).unwrap();
            assert!(!Clock::new(dir.path()).is_behind(), "{text}");
        }
        let clock = Clock::new(&dir.path().join("clock"));
        assert!(clock.proven().is_err(), "a folder that is a file cannot be written");
        assert!(clock.proven().is_ok(), "and is not tried again at once");
    }
}
