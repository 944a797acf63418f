//! The bytes that travel: a fixed pattern of prime length, so that a lost, doubled or moved byte shows.

use std::io::{self, ErrorKind, Read, Write};

/// Bytes moved by one call of the generator.
pub const BLOCK: usize = 128 * 1024;

const PERIOD: usize = 1_048_573;

/// The pattern. Cheap to share, a little over 1 MiB.
pub struct Pattern {
    bytes: Vec<u8>,
}

impl Pattern {
    /// The same bytes in every run.
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(PERIOD + BLOCK);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        while bytes.len() < PERIOD {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes.truncate(PERIOD);
        bytes.extend_from_within(..BLOCK);
        Self { bytes }
    }

    /// The bytes at `position` of the stream, `length` of them and at most [`BLOCK`].
    pub fn at(&self, position: u64, length: usize) -> &[u8] {
        let start = usize::try_from(position % PERIOD as u64).unwrap_or_default();
        self.bytes.get(start..start + length.min(BLOCK)).unwrap_or_default()
    }

    /// Writes the bytes from `position` to `end`, or until `go_on` says no. Gives the position reached.
    pub fn send(
        &self,
        to: &mut impl Write,
        position: u64,
        end: u64,
        go_on: impl Fn() -> bool,
    ) -> io::Result<u64> {
        let mut position = position;
        while position < end && go_on() {
            let block = self.at(position, usize::try_from(end - position).unwrap_or(BLOCK));
            to.write_all(block)?;
            position += block.len() as u64;
        }
        Ok(position)
    }

    /// Reads up to `end` bytes and compares each; `end` may be `u64::MAX` for "until the other side ends".
    ///
    /// # Errors
    /// The first byte that differs, an early end, or what the socket says.
    pub fn receive(
        &self,
        from: &mut impl Read,
        end: u64,
        mut seen: impl FnMut(u64) -> io::Result<()>,
    ) -> io::Result<u64> {
        let mut buffer = vec![0; BLOCK];
        let mut position = 0;
        while position < end {
            let room = usize::try_from(end - position).unwrap_or(BLOCK).min(BLOCK);
            let read = from.read(buffer.get_mut(..room).unwrap_or_default())?;
            if read == 0 {
                break;
            }
            if buffer.get(..read) != Some(self.at(position, read)) {
                let text = format!("bytes {position}..{} are not what was sent", position + read as u64);
                return Err(io::Error::new(ErrorKind::InvalidData, text));
            }
            position += read as u64;
            seen(position)?;
        }
        if position < end && end != u64::MAX {
            let text = format!("ended after {position} of {end} bytes");
            return Err(io::Error::new(ErrorKind::UnexpectedEof, text));
        }
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Pattern};

    #[test]
    fn what_is_sent_is_accepted() {
        let pattern = Pattern::new();
        let mut wire = Vec::new();
        pattern.send(&mut wire, 0, 3_000_001, || true).unwrap();
        assert_eq!(pattern.receive(&mut wire.as_slice(), 3_000_001, |_| Ok(())).unwrap(), 3_000_001);
    }

    #[test]
    fn a_lost_byte_is_noticed() {
        let pattern = Pattern::new();
        let mut wire = Vec::new();
        pattern.send(&mut wire, 0, 2 * BLOCK as u64, || true).unwrap();
        wire.remove(BLOCK);
        assert!(pattern.receive(&mut wire.as_slice(), 2 * BLOCK as u64, |_| Ok(())).is_err());
    }

    #[test]
    fn an_early_end_is_noticed() {
        let pattern = Pattern::new();
        let mut wire = Vec::new();
        pattern.send(&mut wire, 0, 1000, || true).unwrap();
        let error = pattern.receive(&mut wire.as_slice(), 1001, |_| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "ended after 1000 of 1001 bytes");
    }
}
