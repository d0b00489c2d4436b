/** An assertion of the suite that does not hold, and why that is right. */
export interface Exception {
  readonly programs: readonly string[];
  /** Of the assertion's text and what follows it. */
  readonly matches: RegExp;
  /** With what runc does there. */
  readonly reason: string;
}

/** The suite is of 2019, and follows a draft of version 1.0.2 of the specification. */
export const EXCEPTIONS: readonly Exception[] = [];
