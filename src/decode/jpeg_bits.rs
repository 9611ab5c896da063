//! [`Bits`] and [`Codes`]: the entropy-coded data of a JPEG, bit by bit and code by code (ITU-T T.81,
//! annex F.2.2).

/// A Huffman table as T.81 (F.2.2.3) decodes with it.
#[derive(Clone)]
pub(super) struct Codes {
    /// Of each length from 1: the first code behind those of that length, and what to add to a code
    /// to find its symbol.
    lengths: [(i32, i32); 16],
    symbols: Vec<u8>,
}

impl Codes {
    /// Of the number of codes of each length, and the symbols.
    pub(super) fn new(counts: &[u8], symbols: &[u8]) -> Self {
        let (mut code, mut index) = (0_i32, 0_i32);
        let mut lengths = [(0, 0); 16];
        for (length, count) in lengths.iter_mut().zip(counts) {
            let first = index - code;
            code += i32::from(*count);
            index += i32::from(*count);
            *length = (code, first);
            code <<= 1;
        }
        Codes { lengths, symbols: symbols.to_vec() }
    }

    /// The next symbol.
    pub(super) fn decode(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let mut code = 0;
        for (behind, first) in self.lengths {
            code = code << 1 | bits.next()?;
            if code < behind {
                return self.symbols.get(usize::try_from(code + first).ok()?).copied();
            }
        }
        None
    }
}

/// Entropy-coded data up to a marker, bit by bit.
#[derive(Clone)]
pub(super) struct Bits<'a> {
    pub(super) data: &'a [u8],
    /// The byte that is being read, of which so many bits are left.
    pub(super) current: usize,
    pub(super) left: u8,
    /// Behind that byte, and the zero stuffed behind it.
    pub(super) at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Bits { data, current: 0, left: 0, at: 0 }
    }

    pub(super) fn next(&mut self) -> Option<i32> {
        if self.left == 0 {
            let byte = *self.data.get(self.at)?;
            self.current = self.at;
            self.at += if byte == 0xFF { 2 } else { 1 };
            self.left = 8;
        }
        self.left -= 1;
        Some(i32::from(self.data.get(self.current)? >> self.left & 1))
    }

    /// A value of so many bits, as T.81 (F.2.2.1) extends it.
    pub(super) fn value(&mut self, size: u8) -> Option<i32> {
        let mut value = 0;
        for _ in 0..size {
            value = value << 1 | self.next()?;
        }
        let is_negative = size > 0 && value < 1 << (size - 1);
        Some(if is_negative { value - (1 << size) + 1 } else { value })
    }

    /// The bits up to the byte's end are ones.
    pub(super) fn ends_with_ones(&self) -> bool {
        let byte = self.data.get(self.current).copied().unwrap_or_default();
        byte.trailing_ones() >= self.left.into()
    }

    /// Nothing follows but ones up to the byte's end.
    pub(super) fn is_over(&self) -> bool {
        self.at >= self.data.len() && self.ends_with_ones()
    }

    pub(super) fn used_bytes(&self) -> usize {
        self.at.min(self.data.len())
    }
}
