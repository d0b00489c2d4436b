/** A part of a template. Offsets are those of the source, for messages. */
export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipeline: Pipeline }
  | BranchNode<"if">
  | BranchNode<"with">
  | BranchNode<"range">
  | { readonly kind: "break" | "continue" };

export interface BranchNode<Kind extends "if" | "with" | "range"> {
  readonly kind: Kind;
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** `$x, $y := command | command | …`. */
export interface Pipeline {
  /** The variables that it declares or sets. */
  readonly variables: readonly string[];
  readonly isAssignment: boolean;
  readonly commands: readonly Command[];
}

/** An operand, or a function or method with its arguments. */
export interface Command {
  readonly operands: readonly Operand[];
  readonly offset: number;
  /** As written, for messages. */
  readonly source: string;
}

export type Operand = {
  /** Fields taken of the operand, `.A.B`. */
  readonly fields: readonly string[];
  readonly offset: number;
  readonly source: string;
} & (
  | { readonly kind: "dot" | "nil" }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "literal"; readonly value: string | number | boolean }
  | { readonly kind: "pipeline"; readonly pipeline: Pipeline }
);
