import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseGoTemplate } from "./go-template.ts";
import { TemplateError } from "./template-error.ts";

const data = {
  Name: "web",
  Names: ["a", "b"],
  Count: 3,
  Big: 1234567890123,
  Ratio: 0.25,
  Empty: "",
  Nothing: null,
  On: true,
  Labels: { one: "1", two: "2" },
  State: { Status: "running", Pid: 42 },
  Label: (name: string) => (name === "one" ? "1" : ""),
};

const render = (template: string): string => parseGoTemplate(template).render(data, { maps: new Set(["Labels"]) });

// What Go's own text/template prints for the same.
const PRINTED: readonly (readonly [template: string, output: string])[] = [
  ["{{.Name}}", "web"],
  ["a{{/* comment */}}b", "ab"],
  ["x {{- .Name -}} y", "xweby"],
  ["{{.State.Status}}:{{.State.Pid}}", "running:42"],
  ["{{.Names}} {{.Labels}} {{.Big}} {{.Ratio}} {{.On}}", "[a b] map[one:1 two:2] 1234567890123 0.25 true"],
  ["{{.Labels.three}}", "<no value>"],
  ["{{.Nothing}}", "<no value>"],
  ['{{index .Labels "one"}} {{index .Names 1}} {{index .Labels "none"}}', "1 b "],
  ["{{json .Labels}} {{json .Names}} {{json .Nothing}}", '{"one":"1","two":"2"} ["a","b"] null'],
  ['{{json "<a>&"}}', '"<a>&"'],
  [
    '{{join .Names ", "}} {{(split "a:b" ":")}} {{upper .Name}} {{title "ab cd"}} {{lower "AB"}}',
    "a, b [a b] WEB Ab Cd ab",
  ],
  ['{{.Name | printf "%s-%d" "x" | len}}', String("x-%!d(string=web)".length)],
  [
    '{{printf "%-5s|%5s|%05d|%q|%v|%.2f|%x|%t|%%" .Name .Name 42 .Name .Names 1.5 255 true}}',
    'web  |  web|00042|"web"|[a b]|1.50|ff|true|%',
  ],
  ['{{printf "%d" "x"}} {{printf "%s"}} {{printf "a" 1}}', "%!d(string=x) %!s(MISSING) a%!(EXTRA int=1)"],
  ["{{range .Names}}<{{.}}>{{end}}", "<a><b>"],
  ["{{range $i, $n := .Names}}{{if $i}},{{end}}{{$i}}={{$n}}{{end}}", "0=a,1=b"],
  ["{{range $key, $value := .Labels}}{{$key}}{{$value}} {{end}}", "one1 two2 "],
  ["{{range .Empty | len}}x{{else}}none{{end}}", "none"],
  ['{{range .Names}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', "a"],
  ['{{range .Names}}{{if eq . "a"}}{{continue}}{{end}}{{.}}{{end}}', "b"],
  ["{{with .State}}{{.Pid}}{{$.Name}}{{end}}{{with .Empty}}x{{else}}y{{end}}", "42weby"],
  ["{{if .Empty}}1{{else if .On}}2{{else}}3{{end}}", "2"],
  ["{{$x := 1}}{{if .On}}{{$x = 2}}{{end}}{{$x}}", "2"],
  [
    '{{eq .Name "db" "web"}} {{ne .Count 3}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge "b" "a"}}',
    "true false true true false true",
  ],
  ["{{and .On .Name}} {{or .Empty .Name}} {{not .Empty}} {{and .Empty .Missing.Field}}", "web web true "],
  ['{{.Label "one"}}{{.Label "x"}}{{"one" | .Label}}', "11"],
  ["{{println .Name .Count}}", "web 3\n"],
  ["{{print 1 2 .Name 3}} {{len .Name}} {{slice .Name 1 2}}", "1 2web3 3 e"],
  ["{{`raw \\n`}} {{\"tab\\t\\u00e9\"}} {{'a'}} {{0x10}} {{1e3}}", "raw \\n tab\té 97 16 1000"],
  ['{{pad .Name 1 2}}|{{truncate .Name 2}}|{{html "<a>"}}|{{urlquery "a b&"}}', " web  |we|&lt;a&gt;|a+b%26"],
  ["{{(index .Names 0)}}{{(.State).Pid}}", "a42"],
  ["{{range 3}}{{.}}{{end}}", "012"],
];

const REFUSED: readonly (readonly [template: string, message: string])[] = [
  ["{{.Foo}}", 'template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"'],
  ["a\n{{.State.Foo}}", 'template: :2:2: executing "" at <.State.Foo>: map has no entry for key "Foo"'],
  ["{{.Name.First}}", `template: :1:2: executing "" at <.Name.First>: can't evaluate field First in type string`],
  ["{{foo .Name}}", 'template: :1: function "foo" not defined'],
  ["{{.Name", "template: :1: unclosed action"],
  ["{{}}", "template: :1: missing value for command"],
  ["{{if .On}}x", "template: :1: unexpected EOF"],
  ["x{{end}}", "template: :1: unexpected {{end}}"],
  ["{{$x}}", 'template: :1: undefined variable "$x"'],
  ['{{"abc}}', "template: :1: unterminated quoted string"],
  ["{{eq .Name 1}}", 'template: :1:2: executing "" at <eq>: error calling eq: incompatible types for comparison'],
  ["{{index .Names 7}}", 'template: :1:2: executing "" at <index>: error calling index: index out of range: 7'],
  ["{{.Name 1}}", 'template: :1:2: executing "" at <.Name>: Name has arguments but cannot be invoked as function'],
  ['{{template "x"}}', "template: :1: {{template}} is not there yet"],
  ["{{break}}", "template: :1: {{break}} outside {{range}}"],
  [`{{${"(".repeat(500)}1${")".repeat(500)}}}`, "template: :1: the expression is nested too deep"],
];

describe("parseGoTemplate", () => {
  for (const [template, output] of PRINTED) {
    test(`${JSON.stringify(template)} prints ${JSON.stringify(output)}`, () => expect(render(template)).toBe(output));
  }

  for (const [template, message] of REFUSED) {
    test(`${JSON.stringify(template.slice(0, 60))} is refused in Go's words`, () => {
      expect(() => render(template)).toThrow(message);
    });
  }

  test("finds fields of another case when asked to", () => {
    expect(parseGoTemplate("{{.ID}}").render({ Id: "x" }, { isCaseIgnored: true })).toBe("x");
  });

  test("no text makes it fail otherwise than by a TemplateError", () => {
    const pieces = fc.constantFrom(
      "{{",
      "}}",
      "{{-",
      " -}}",
      ".",
      ".Name",
      "$",
      "|",
      "(",
      ")",
      " ",
      "range",
      "if",
      "end",
      "else",
      '"',
      "`",
      "'",
      "1",
      ":=",
      ",",
      "json",
      "/*",
      "*/",
      "\\",
      "é",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 24 }), (parts) => {
        try {
          render(parts.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
        }
      }),
    );
  });

  test("text without braces is printed as it stands", () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes("{{")),
        (text) => render(text) === text,
      ),
    );
  });
});
