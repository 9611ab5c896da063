//! The headers of frames: as the client sent them ([`Header`]) and as the codec reads them
//! ([`Short`]).

/// The last frame of a message.
pub(super) const FIN: u8 = 0x80;
const CONTROL: u8 = 0x08;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;

/// What pieces of a frame have in common.
#[derive(Clone, Copy, Default)]
pub(super) struct FrameKind {
    pub(super) is_data: bool,
    pub(super) is_last: bool,
    pub(super) mask: Option<[u8; 4]>,
}

const MAX_HEADER_BYTES: usize = 14;

/// A header on its way to the codec.
#[derive(Default)]
pub(super) struct Short {
    bytes: [u8; MAX_HEADER_BYTES],
    from: usize,
    to: usize,
}

impl Short {
    pub(super) fn header(first: u8, length: usize, mask: Option<[u8; 4]>) -> Self {
        let masked = if mask.is_some() { MASKED } else { 0 };
        let length = u16::try_from(length).expect("a piece is short");
        let mut header = Short::default();
        match u8::try_from(length) {
            Ok(short @ ..126) => header.push(&[first, masked | short]),
            _ => {
                header.push(&[first, masked | 126]);
                header.push(&length.to_be_bytes());
            }
        }
        header.push(&mask.unwrap_or_default()[..if mask.is_some() { 4 } else { 0 }]);
        header
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.to..self.to + bytes.len()].copy_from_slice(bytes);
        self.to += bytes.len();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    pub(super) fn take(&mut self, most: usize) -> &[u8] {
        let from = self.from;
        self.from = self.to.min(from + most);
        &self.bytes[from..self.from]
    }
}

/// The header of a frame as the client sent it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Header {
    /// FIN, reserved bits, opcode.
    pub(super) first: u8,
    pub(super) length: u64,
    pub(super) mask: Option<[u8; 4]>,
    /// Of the header itself.
    pub(super) bytes: usize,
}

impl Header {
    /// `None` while it is not whole.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (length, rest) = match second & !MASKED {
            126 => {
                let (long, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*long)), rest)
            }
            127 => {
                let (long, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*long), rest)
            }
            short => (u64::from(short), rest),
        };
        let (mask, rest) = match second & MASKED {
            0 => (None, rest),
            _ => {
                let (mask, rest) = rest.split_first_chunk()?;
                (Some(*mask), rest)
            }
        };
        Some(Header { first, length, mask, bytes: bytes.len() - rest.len() })
    }

    pub(super) fn kind(&self) -> FrameKind {
        FrameKind {
            is_data: self.first & OPCODE & CONTROL == 0,
            is_last: self.first & FIN != 0,
            mask: self.mask,
        }
    }
}
