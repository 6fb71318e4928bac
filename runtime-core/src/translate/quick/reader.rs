//! Numbers as the binary format has them (specification, section 5.2.2). None is what is not well-formed, or ends too early.

/// The rest of a body, or of a section.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline(always)]
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    #[inline(always)]
    pub(super) fn u32(&mut self) -> Option<u32> {
        match self.byte()? {
            first @ 0..0x80 => Some(u32::from(first)),
            first => self.longer(first, 32).map(|value| value as u32),
        }
    }

    #[inline(always)]
    pub(super) fn s32(&mut self) -> Option<i32> {
        self.signed(32).map(|value| value as i32)
    }

    #[inline(always)]
    pub(super) fn s64(&mut self) -> Option<()> {
        self.signed(64).map(drop)
    }

    #[inline(always)]
    pub(super) fn s33(&mut self) -> Option<i64> {
        self.signed(33)
    }

    #[inline(always)]
    fn signed(&mut self, bits: u32) -> Option<i64> {
        match self.byte()? {
            first @ 0..0x80 => Some(i64::from(first << 1) << 56 >> 57),
            first => self.longer_signed(first, bits),
        }
    }

    /// The rest of an unsigned number of so many bits.
    fn longer(&mut self, first: u8, bits: u32) -> Option<u64> {
        let (mut value, mut shift) = (u64::from(first & 0x7f), 7);
        loop {
            let byte = self.byte()?;
            // In the last byte that there may be, the bits that are too many are zero.
            if bits - shift <= 7 && byte >> (bits - shift) != 0 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
            shift += 7;
        }
    }

    /// The same, signed.
    fn longer_signed(&mut self, first: u8, bits: u32) -> Option<i64> {
        let (mut value, mut shift) = (i64::from(first & 0x7f), 7);
        loop {
            let byte = self.byte()?;
            // In the last byte that there may be, the bits that are too many are as the sign.
            if bits - shift <= 7 {
                let sign = (byte << 1) as i8 >> (bits - shift);
                if byte >= 0x80 || !matches!(sign, 0 | -1) {
                    return None;
                }
            }
            value |= i64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return Some(if shift < 64 { value << (64 - shift) >> (64 - shift) } else { value });
            }
        }
    }
}
