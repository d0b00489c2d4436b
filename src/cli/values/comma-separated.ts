/**
 * The fields of one record of comma-separated values (RFC 4180): a field in double quotes may hold commas, and quotes
 * by doubling them.
 */
export function parseCommaSeparated(text: string): readonly string[] {
  const fields: string[] = [];
  let index = 0;
  for (;;) {
    let field = "";
    if (text[index] === '"') {
      for (index++; ; index++) {
        if (index >= text.length)
          throw new Error(`parse error on line 1, column ${index + 1}: extraneous or missing " in quoted-field`);
        if (text[index] !== '"') field += text[index];
        else if (text[index + 1] === '"') {
          field += '"';
          index++;
        } else break;
      }
      index++;
      if (index < text.length && text[index] !== ",") {
        throw new Error(`parse error on line 1, column ${index + 1}: extraneous or missing " in quoted-field`);
      }
    } else {
      const comma = text.indexOf(",", index);
      const end = comma < 0 ? text.length : comma;
      field = text.slice(index, end);
      const quote = field.indexOf('"');
      if (quote >= 0) throw new Error(`parse error on line 1, column ${index + quote + 1}: bare " in non-quoted-field`);
      index = end;
    }
    fields.push(field);
    if (index >= text.length) return fields;
    index++;
  }
}
