//! Masking: every payload byte is combined with a key of four bytes. spec: RFC 6455 §5.3

/// Masks or unmasks in place (it is the same operation). `offset` is how many payload bytes came before
/// `bytes`, so that a payload can be done in pieces.
///
/// Works in words of 16 bytes, which the compiler turns into vector instructions.
pub fn apply_mask(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    let key = u32::from_ne_bytes(key);
    let turned = if cfg!(target_endian = "little") {
        key.rotate_right(8 * (offset % 4) as u32)
    } else {
        key.rotate_left(8 * (offset % 4) as u32)
    };
    let quad = turned.to_ne_bytes();
    let wide = u128::from(turned);
    let wide = wide | wide << 32 | wide << 64 | wide << 96;
    let (words, rest) = bytes.as_chunks_mut::<16>();
    for word in words {
        *word = (u128::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(quad.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_equal_the_plain_loop() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..70usize {
            for cut in 0..=len {
                let mut bytes: Vec<u8> = (0..len as u8).collect();
                let (front, back) = bytes.split_at_mut(cut);
                apply_mask(front, key, 0);
                apply_mask(back, key, cut);
                let plain: Vec<u8> = (0..len as u8).map(|i| i ^ key[usize::from(i) % 4]).collect();
                assert_eq!(bytes, plain, "{len} bytes cut at {cut}");
            }
        }
    }
}
