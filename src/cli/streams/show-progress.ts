import type { ProgressMessage } from "../../api/image.ts";
import { humanSize } from "../format/human.ts";
import type { Output, Terminal } from "../terminal.ts";

const BAR_LENGTH = 50;
/** Narrower terminals get the numbers alone. */
const BAR_COLUMNS = 110;

/** `[=====>     ]  1.2MB/3.4MB`. */
export function progressBar(current: number, total: number | undefined, columns: number): string {
  const size = humanSize(current, 4).padStart(8);
  if (total === undefined || total <= 0) return size;
  const done = Math.min(BAR_LENGTH, Math.trunc((current / total) * BAR_LENGTH));
  const bar = columns > BAR_COLUMNS ? `[${"=".repeat(done)}>${" ".repeat(BAR_LENGTH - done)}] ` : "";
  return `${bar}${size}${current > total ? "" : `/${humanSize(total, 4)}`}`;
}

function line({ id, status = "", progressDetail }: ProgressMessage, columns: number): string {
  const { current, total } = progressDetail ?? {};
  const bar = current === undefined || current <= 0 ? "" : ` ${progressBar(current, total, columns)}`;
  return `${id === undefined || id === "" ? "" : `${id}: `}${status}${bar}`;
}

/** Writes a line for each id and changes it in place, as long as the terminal shows it. */
class LiveLines {
  readonly #rows = new Map<string, number>();
  readonly #output: Output;
  readonly #columns: number;

  constructor(output: Output, columns: number) {
    this.#output = output;
    this.#columns = columns;
  }

  async show(message: ProgressMessage): Promise<void> {
    const { id } = message;
    if (id === undefined || id === "" || message.progressDetail === undefined) {
      // A line of its own: what stands above it is not changed any more.
      this.#rows.clear();
      await this.#output.write(`${line(message, this.#columns)}\n`);
      return;
    }
    const known = this.#rows.get(id);
    const text = line(message, this.#columns).slice(0, this.#columns);
    if (known === undefined) {
      this.#rows.set(id, this.#rows.size);
      await this.#output.write(`${text}\n`);
      return;
    }
    const distance = this.#rows.size - known;
    await this.#output.write(`\x1b[${distance}A\x1b[2K\r${text}\r\x1b[${distance}B`);
  }
}

/**
 * Shows the steps of a pull or a load: on a terminal a line for each layer that changes in place, elsewhere a line for
 * each step, without the numbers between.
 *
 * @param output left out: nothing is shown.
 * @throws what the stream throws: an error that the daemon tells within it.
 */
export async function showProgress(
  messages: AsyncIterable<ProgressMessage>,
  output: Output | undefined,
  terminal: Terminal,
): Promise<void> {
  const live = output?.isTerminal === true ? new LiveLines(output, terminal.size()?.width ?? 80) : undefined;
  for await (const message of messages) {
    if (output === undefined) continue;
    if (message.stream !== undefined) await output.write(message.stream);
    else if (message.status === undefined) continue;
    else if (live !== undefined) await live.show(message);
    else if ((message.progressDetail?.current ?? 0) <= 0) await output.write(`${line(message, BAR_COLUMNS)}\n`);
  }
}
