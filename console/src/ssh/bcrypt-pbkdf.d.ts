declare module 'bcrypt-pbkdf' {
  const bcrypt: {
    /** Fills `key`; the numbers are lengths in bytes. */
    pbkdf(
      pass: Uint8Array,
      passLength: number,
      salt: Uint8Array,
      saltLength: number,
      key: Uint8Array,
      keyLength: number,
      rounds: number,
    ): number;
  };
  export default bcrypt;
}
