/** bcrypt reads no further (and Apache's htpasswd cuts there): Bun would hash longer passwords first, as no other program does. */
export const BCRYPT_BYTES_MAX = 72;

/** Whether a password is that of a bcrypt hash ($2a$, $2b$ or $2y$), compared in constant time, on another thread. */
export async function verifyBcrypt(password: string, hash: string): Promise<boolean> {
  const bytes = Buffer.from(password, "utf8").subarray(0, BCRYPT_BYTES_MAX);
  // C's bcrypt ends at a NUL: two passwords must not count as one.
  if (bytes.length === 0 || bytes.includes(0)) return false;
  return await Bun.password.verify(bytes, hash, "bcrypt");
}

/** The bcrypt hash of a password, on another thread. */
export async function hashBcrypt(password: string, cost: number): Promise<string> {
  return await Bun.password.hash(password, { algorithm: "bcrypt", cost });
}
