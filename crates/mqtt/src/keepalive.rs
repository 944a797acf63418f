//! When silence counts as absence. spec: mqtt-gateway §3.3

/// The keep alive of a connection: milliseconds without a packet that are tolerated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeepAlive {
    tolerated: u32,
    heard: u64,
}

impl KeepAlive {
    /// `seconds` as agreed on, 0 for off. Silence of one and a half times that is tolerated.
    pub fn new(seconds: u16, now: u64) -> KeepAlive {
        KeepAlive { tolerated: u32::from(seconds) * 1500, heard: now }
    }

    /// A packet came, or it was not the client's fault that none did.
    pub fn heard(&mut self, now: u64) {
        self.heard = now;
    }

    /// When the client counts as gone.
    pub fn deadline(&self) -> Option<u64> {
        (self.tolerated > 0).then(|| self.heard.saturating_add(u64::from(self.tolerated)))
    }
}
