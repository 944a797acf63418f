//! The receiving half: frames in, pieces of the binary stream and control frames out.

use crate::limits;

use super::{Header, Misdeed, Opcode, Role, apply_mask};

/// What the bytes taken by one [`Step`] were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A piece of the binary stream, already unmasked: all the bytes taken.
    Data,
    /// A ping; its payload is [`Reader::control`]. Answer with a pong that holds the same bytes.
    Ping,
    /// A pong; its payload is [`Reader::control`].
    Pong,
    /// A close frame; its payload is [`Reader::control`], see [`super::Close::parse`]. Nothing valid follows.
    Close,
    /// Nothing to do; more input is needed if none is left.
    Nothing,
}

/// What one call of [`Reader::step`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are done with; never more than given, and at least 1 unless none were given.
    pub taken: usize,
    /// What they were.
    pub event: Event,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Waiting for the rest of a header.
    Header,
    /// Inside a data frame: bytes to come, bytes already unmasked, key.
    Data { left: usize, done: usize, mask: Option<[u8; 4]> },
    /// Inside a control frame: bytes to come.
    Control { opcode: Opcode, left: usize, mask: Option<[u8; 4]> },
    /// A control frame was reported; its payload is held until the next call.
    Reported,
}

/// Takes a WebSocket's bytes in pieces of any size.
///
/// Holds only a header or a control payload, never data: everything given is taken, except after an error.
#[derive(Clone, Debug)]
pub struct Reader {
    role: Role,
    /// Bytes of the largest data frame.
    limit: usize,
    state: State,
    fragmented: bool,
    /// The bytes of an incomplete header, or the payload of a control frame.
    held: [u8; limits::CONTROL_PAYLOAD],
    held_len: u8,
}

impl Reader {
    /// A reader at the first byte after the upgrade. `role` is ours, not the peer's. Data frames are limited to
    /// [`limits::WEBSOCKET_PAYLOAD`].
    pub fn new(role: Role) -> Reader {
        Reader::with_limit(role, limits::WEBSOCKET_PAYLOAD)
    }

    /// The same for a protocol that has another limit for data frames, in bytes of payload.
    pub fn with_limit(role: Role, limit: usize) -> Reader {
        Reader {
            role,
            limit,
            state: State::Header,
            fragmented: false,
            held: [0; limits::CONTROL_PAYLOAD],
            held_len: 0,
        }
    }

    /// The payload of the control frame just reported.
    pub fn control(&self) -> &[u8] {
        self.held.get(..usize::from(self.held_len)).unwrap_or_default()
    }

    /// Takes bytes from the beginning of `input` up to the next event, unmasking data in place. Call again
    /// with what is left until nothing is.
    ///
    /// Fails with the peer's first [`Misdeed`]; the connection must be closed then.
    pub fn step(&mut self, input: &mut [u8]) -> Result<Step, Misdeed> {
        match self.state {
            State::Header => self.header(input),
            State::Reported => {
                self.held_len = 0;
                self.state = State::Header;
                self.header(input)
            }
            State::Data { left, done, mask } => {
                let end = left.min(input.len());
                if let (Some(key), Some(piece)) = (mask, input.get_mut(..end)) {
                    apply_mask(piece, key, done);
                }
                self.state = match left - end {
                    0 => State::Header,
                    left => State::Data { left, done: done + end, mask },
                };
                let event = if end > 0 { Event::Data } else { Event::Nothing };
                Ok(Step { taken: end, event })
            }
            State::Control { opcode, left, mask } => Ok(self.control_piece(opcode, left, mask, input)),
        }
    }

    fn header(&mut self, input: &[u8]) -> Result<Step, Misdeed> {
        if self.held_len == 0
            && let Some((header, len)) = Header::parse(input)?
        {
            return self.begin(header, len);
        }
        for (index, byte) in input.iter().enumerate() {
            self.hold(&[*byte]);
            if let Some((header, _)) = Header::parse(self.control())? {
                self.held_len = 0;
                return self.begin(header, index + 1);
            }
        }
        Ok(Step { taken: input.len(), event: Event::Nothing })
    }

    fn begin(&mut self, header: Header, taken: usize) -> Result<Step, Misdeed> {
        self.check(&header)?;
        let Header { last, opcode, mask, payload } = header;
        if opcode.is_control() {
            self.state = State::Control { opcode, left: payload, mask };
            if payload == 0 {
                return Ok(Step { taken, ..self.control_piece(opcode, 0, None, &mut []) });
            }
        } else {
            self.fragmented = !last;
            if payload > 0 {
                self.state = State::Data { left: payload, done: 0, mask };
            }
        }
        Ok(Step { taken, event: Event::Nothing })
    }

    fn check(&self, header: &Header) -> Result<(), Misdeed> {
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(Misdeed::Unmasked),
            (Role::Client, Some(_)) => return Err(Misdeed::Masked),
            _ => {}
        }
        match header.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong if !header.last => Err(Misdeed::ControlFragmented),
            Opcode::Close | Opcode::Ping | Opcode::Pong if header.payload > limits::CONTROL_PAYLOAD => {
                Err(Misdeed::ControlTooLarge)
            }
            Opcode::Continuation if !self.fragmented => Err(Misdeed::NothingToContinue),
            Opcode::Binary | Opcode::Text if self.fragmented => Err(Misdeed::NotContinued),
            Opcode::Text => Err(Misdeed::Text),
            Opcode::Continuation | Opcode::Binary if header.payload > self.limit => Err(Misdeed::TooLarge),
            _ => Ok(()),
        }
    }

    fn control_piece(
        &mut self,
        opcode: Opcode,
        left: usize,
        mask: Option<[u8; 4]>,
        input: &mut [u8],
    ) -> Step {
        let taken = left.min(input.len());
        if left > 0
            && let Some(piece) = input.get_mut(..taken)
        {
            if let Some(key) = mask {
                apply_mask(piece, key, usize::from(self.held_len));
            }
            self.hold(piece);
        }
        if left > taken {
            self.state = State::Control { opcode, left: left - taken, mask };
            return Step { taken, event: Event::Nothing };
        }
        self.state = State::Reported;
        let event = match opcode {
            Opcode::Ping => Event::Ping,
            Opcode::Pong => Event::Pong,
            _ => Event::Close,
        };
        Step { taken, event }
    }

    /// Keeps bytes; a header and a control payload both fit.
    fn hold(&mut self, bytes: &[u8]) {
        let start = usize::from(self.held_len);
        if let Some(free) = self.held.get_mut(start..start + bytes.len()) {
            free.copy_from_slice(bytes);
            self.held_len += bytes.len() as u8;
        }
    }
}
