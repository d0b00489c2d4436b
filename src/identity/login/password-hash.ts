/** Above this cost a single login takes minutes: a slip of the pen, or somebody who wants the server busy. */
export const BCRYPT_COST_MAX = 16;

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const KINDS: readonly (readonly [RegExp, string])[] = [
  [/^\$apr1\$/, "Apache's MD5"],
  [/^\$1\$/, "MD5"],
  [/^\$5\$/, "SHA-256 crypt"],
  [/^\$6\$/, "SHA-512 crypt"],
  [/^\$argon2/, "argon2"],
  [/^\$y\$/, "yescrypt"],
  [/^\{SHA\}/, "SHA-1"],
  [/^[./A-Za-z0-9]{13}$/, "DES crypt"],
];

/** The cost of a bcrypt hash. @returns undefined if it is none. */
export function bcryptCost(hash: string): number | undefined {
  const cost = BCRYPT.exec(hash)?.[1];
  return cost === undefined ? undefined : Number(cost);
}

/** Why a hash cannot be used, as the end of a sentence. @returns undefined if it can. */
export function describeBadHash(hash: string): string | undefined {
  const cost = bcryptCost(hash);
  if (cost !== undefined) {
    if (cost >= 4 && cost <= BCRYPT_COST_MAX) return undefined;
    return `has a bcrypt cost of ${cost}: between 4 and ${BCRYPT_COST_MAX} are used`;
  }
  const kind = KINDS.find(([pattern]) => pattern.test(hash))?.[1];
  if (kind !== undefined) return `is hashed with ${kind}: only bcrypt is accepted, as \`htpasswd -B\` writes it`;
  return "is no bcrypt hash such as `htpasswd -nB NAME` prints";
}
