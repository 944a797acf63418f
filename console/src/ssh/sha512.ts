/** SHA-512 in the shape of `tweetnacl`, as `bcrypt-pbkdf` asks for it. */
import { sha512 } from '@noble/hashes/sha2.js';

export const lowlevel = {
  /** Writes the hash of the first `length` bytes of `from` to `out`. */
  crypto_hash(out: Uint8Array, from: Uint8Array, length: number): void {
    out.set(sha512(from.subarray(0, length)));
  },
};
