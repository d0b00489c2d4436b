/** A value that carries its own type. */
export interface Variant {
  readonly signature: string;
  readonly value: DbusValue;
}

/**
 * What stands for D-Bus's values: numbers up to 32 bits and doubles as `number`, those of 64 bits as `bigint`, strings,
 * paths and signatures as `string`, arrays, structs and dictionary entries as lists, an array of bytes as bytes.
 */
export type DbusValue = number | bigint | boolean | string | Uint8Array | Variant | readonly DbusValue[];

export function variant(signature: string, value: DbusValue): Variant {
  return { signature, value };
}
