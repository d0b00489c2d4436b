import { GantryError } from "../../errors/gantry-error.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/**
 * Reads a name that a user chose; one leading slash is dropped.
 *
 * @throws `invalid-argument` in Docker's words.
 */
export function parseContainerName(text: string): string {
  const name = text.startsWith("/") ? text.slice(1) : text;
  if (NAME.test(name) && name.length <= 255) return name;
  throw new GantryError(
    "invalid-argument",
    `Invalid container name (${text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    { hint: name.length > 255 ? "a name has at most 255 characters" : "a name has at least two characters" },
  );
}

/** Says that a name belongs to another container, in Docker's words. */
export function nameConflict(name: string, ownerId: string): GantryError {
  return new GantryError(
    "conflict",
    `Conflict. The container name "/${name}" is already in use by container "${ownerId}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
}

const ADJECTIVES = (
  "able amber ample apt azure balmy bold brave breezy bright brisk calm candid clever cosy crisp curious daring deft eager " +
  "early earnest fair fine fleet fond frank fresh gentle glad golden grand handy hardy honest humble ideal jolly keen kind " +
  "lively loyal lucid lucky mellow merry mild modest neat nimble noble patient plucky polite prime proud quick quiet rapid " +
  "ready robust sage serene sharp sincere sleek smart snug solid spry stable steady stout sturdy subtle sunny swift tidy " +
  "tough trusty upbeat valiant vivid warm wise witty zesty"
).split(" ");

const SURNAMES = (
  "abel agnesi ampere archimedes babbage banach bernoulli bessel bohr boole bose brahe cantor carson cauchy cavendish celsius " +
  "cerf church copernicus curie darwin descartes dijkstra dirac edison einstein erdos euclid euler faraday fermat fermi fourier " +
  "franklin galileo galois gauss germain godel goodall hamilton hamming heisenberg hertz hilbert hodgkin hopper hubble huygens " +
  "hypatia jacobi johnson joule kelvin kepler khayyam kovalevskaya lagrange lamarr laplace lavoisier leibniz linnaeus lorentz " +
  "lovelace maxwell mayer meitner mendel mirzakhani montgolfier morse napier nash newton nobel noether ohm ostrom pascal " +
  "pasteur pauling planck poincare ptolemy pythagoras raman ramanujan riemann ritchie rubin rutherford sagan shannon " +
  "stokes tesla thompson torvalds turing volta watt weyl wiles wright wu yalow"
).split(" ");

/**
 * A name for a container that was given none: adjective_surname. From the third attempt on a digit is added, as Docker does.
 *
 * @param random bytes, at least four.
 */
export function randomContainerName(random: Uint8Array, attempt = 0): string {
  const [a = 0, b = 0, c = 0, d = 0] = random;
  const adjective = ADJECTIVES[((a << 8) | b) % ADJECTIVES.length];
  const surname = SURNAMES[((c << 8) | d) % SURNAMES.length];
  return attempt < 2
    ? `${adjective}_${surname}`
    : `${adjective}_${surname}${(a + d + attempt) % 10}${attempt > 8 ? attempt : ""}`;
}
