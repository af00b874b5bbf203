//! Just enough gzip (RFC 1952, RFC 1951) to send compressed bodies: one block with fixed Huffman codes, and of the
//! matches only the longest one at distance 1.

/// The longest match of DEFLATE.
const MATCH: usize = 258;

/// Compresses bytes. Only long runs of one byte get smaller.
pub(crate) fn compress(data: &[u8]) -> Vec<u8> {
    let mut bits = Bits::start();
    let mut at = 0;
    while let Some(&byte) = data.get(at) {
        bits.literal(byte);
        at += 1;
        while data.get(at..at + MATCH).is_some_and(|next| next.iter().all(|b| *b == byte)) {
            bits.run();
            at += MATCH;
        }
    }
    bits.finish(crc32(data.iter().copied()), data.len() as u64)
}

/// A stream that inflates to `len` spaces.
pub(crate) fn bomb(len: u64) -> Vec<u8> {
    let mut bits = Bits::start();
    if len > 0 {
        bits.literal(b' ');
        let rest = len - 1;
        for _ in 0..rest / MATCH as u64 {
            bits.run();
        }
        for _ in 0..rest % MATCH as u64 {
            bits.literal(b' ');
        }
    }
    bits.finish(crc32((0..len).map(|_| b' ')), len)
}

/// Bits, least significant first.
struct Bits {
    out: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn start() -> Self {
        // Magic, DEFLATE, no flags, no time, no extra flags, unknown system.
        let mut bits = Self { out: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], pending: 0, count: 0 };
        bits.push(0b011, 3); // The last block; fixed Huffman codes.
        bits
    }

    fn push(&mut self, value: u32, count: u32) {
        self.pending |= value << self.count;
        self.count += count;
        while self.count >= 8 {
            self.out.push(self.pending.to_le_bytes()[0]);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// Huffman codes go most significant bit first.
    fn code(&mut self, code: u32, count: u32) {
        self.push(code.reverse_bits() >> (32 - count), count);
    }

    fn literal(&mut self, byte: u8) {
        let byte = u32::from(byte);
        if byte < 144 { self.code(0x30 + byte, 8) } else { self.code(0x190 + byte - 144, 9) }
    }

    /// 258 times the last byte: length code 285, distance code 0.
    fn run(&mut self) {
        self.code(0b1100_0101, 8);
        self.code(0, 5);
    }

    fn finish(mut self, crc: u32, len: u64) -> Vec<u8> {
        self.code(0, 7);
        self.push(0, 7);
        self.out.extend_from_slice(&crc.to_le_bytes());
        self.out.extend_from_slice(&len.to_le_bytes()[..4]);
        self.out
    }
}

fn crc32(data: impl Iterator<Item = u8>) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|i| {
        let step = |c: u32, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
        (0..8).fold(u32::try_from(i).unwrap_or(0), step)
    });
    !data.fold(u32::MAX, |crc, byte| table[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(crc32(b"123456789".iter().copied()), 0xcbf4_3926);
    }

    #[test]
    fn streams_are_the_ones_that_gzip_inflated() {
        // These were inflated with Python's gzip.decompress when the test was written.
        let hex = |bytes: Vec<u8>| crate::directory::hex(&bytes);
        assert_eq!(hex(compress(b"")), "1f8b08000000000000ff03000000000000000000");
        assert_eq!(hex(compress(b"a\xff")), "1f8b08000000000000ff4bfc0f0094a73d1002000000");
        assert_eq!(hex(bomb(520)), "1f8b08000000000000ff531805a340414101009742bdf508020000");
        assert_eq!(bomb(1000), compress(&[b' '; 1000]));
        assert!(bomb(1_000_000).len() < 1_000_000 / 100);
    }
}
