import { formatValue, quote, typeName } from "./format-value.ts";

const DIRECTIVE = /%([-+# 0]*)(\*|\d{1,4})?(?:\.(\*|\d{0,4}))?([a-zA-Z%])?/g;

interface Directive {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
}

function pad(text: string, { flags, width }: Directive): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0")) return " ".repeat(missing) + text;
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}

function withSign(text: string, flags: string): string {
  if (text.startsWith("-")) return text;
  if (flags.includes("+")) return `+${text}`;
  return flags.includes(" ") ? ` ${text}` : text;
}

const RADIX: Readonly<Record<string, number>> = { d: 10, b: 2, o: 8, x: 16, X: 16 };

function formatInteger(value: number, verb: string, directive: Directive): string {
  let digits = Math.abs(value).toString(RADIX[verb] ?? 10);
  if (verb === "X") digits = digits.toUpperCase();
  if (directive.precision !== undefined) digits = digits.padStart(directive.precision, "0");
  if (directive.flags.includes("#") && verb.toLowerCase() === "x") digits = `0${verb}${digits}`;
  return withSign(value < 0 ? `-${digits}` : digits, directive.flags);
}

function formatFloat(value: number, verb: string, { flags, precision }: Directive): string {
  let text: string;
  if (verb === "f" || verb === "F") text = value.toFixed(Math.min(100, precision ?? 6));
  else if (verb === "g" || verb === "G")
    text =
      precision === undefined
        ? formatValue(value)
        : String(Number(value.toPrecision(Math.min(100, Math.max(1, precision)))));
  else text = value.toExponential(Math.min(100, precision ?? 6)).replace(/e([+-])(\d)$/, "e$10$2");
  return withSign(text, flags);
}

const toHex = (text: string): string => Buffer.from(text).toString("hex");

/** One value by its verb; `undefined` if the verb does not fit the value. */
function formatDirective(value: unknown, verb: string, directive: Directive): string | undefined {
  const cut = (text: string) =>
    directive.precision === undefined ? text : [...text].slice(0, directive.precision).join("");
  switch (verb) {
    case "v":
      if (directive.flags.includes("#") && typeof value === "string") return quote(value);
      return typeof value === "number" ? withSign(formatValue(value), directive.flags) : formatValue(value);
    case "s":
      if (typeof value === "number" || typeof value === "boolean") return undefined;
      return cut(formatValue(value));
    case "q":
      if (typeof value === "string") return quote(cut(value));
      if (Array.isArray(value))
        return `[${value.map((item) => (typeof item === "string" ? quote(item) : formatValue(item))).join(" ")}]`;
      return typeof value === "number"
        ? `'${String.fromCodePoint(Math.max(0, Math.min(0x10ffff, Math.trunc(value))))}'`
        : undefined;
    case "t":
      return typeof value === "boolean" ? String(value) : undefined;
    case "d":
    case "b":
    case "o":
    case "x":
    case "X":
      if (typeof value === "string" && (verb === "x" || verb === "X")) {
        return verb === "x" ? toHex(value) : toHex(value).toUpperCase();
      }
      if (Array.isArray(value))
        return `[${value.map((item) => formatDirective(item, verb, { ...directive, width: 0 }) ?? "").join(" ")}]`;
      return typeof value === "number" && Number.isInteger(value) ? formatInteger(value, verb, directive) : undefined;
    case "f":
    case "F":
    case "e":
    case "E":
    case "g":
    case "G":
      return typeof value === "number" ? formatFloat(value, verb, directive) : undefined;
    case "c":
      return typeof value === "number" && value >= 0 && value <= 0x10ffff
        ? String.fromCodePoint(Math.trunc(value))
        : undefined;
    case "U":
      return typeof value === "number" ? `U+${value.toString(16).toUpperCase().padStart(4, "0")}` : undefined;
    case "T":
      return typeName(value);
    default:
      return undefined;
  }
}

/** Formats as Go's `fmt.Sprintf` does, with its ways to show mistakes: `%!d(string=x)`, `%!s(MISSING)`. */
export function printf(format: string, values: readonly unknown[]): string {
  let index = 0;
  const number = (text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    return text === "*" ? Math.min(10_000, Number(values[index++])) || 0 : Number(text);
  };
  const text = format.replace(
    DIRECTIVE,
    (_, flags: string, widthText?: string, precisionText?: string, verb?: string) => {
      if (verb === undefined) return "%!(NOVERB)";
      const width = number(widthText) ?? 0;
      const precision = number(precisionText);
      if (verb === "%") return "%";
      if (index >= values.length) return `%!${verb}(MISSING)`;
      const value = values[index++];
      const directive = { flags: width < 0 ? `${flags}-` : flags, width: Math.abs(width), precision };
      const formatted = formatDirective(value, verb, directive);
      return formatted === undefined
        ? `%!${verb}(${typeName(value)}=${formatValue(value)})`
        : pad(formatted, directive);
    },
  );
  if (index >= values.length) return text;
  const extra = values.slice(index).map((value) => `${typeName(value)}=${formatValue(value)}`);
  return `${text}%!(EXTRA ${extra.join(", ")})`;
}
