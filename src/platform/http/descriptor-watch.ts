import { nextTurn } from "../next-turn.ts";
import { descriptorLimit, hasSpareDescriptors } from "../spare-descriptors.ts";

/** What a server keeps free for everything but its clients: its database, logs, threads, modules that are loaded late. */
export interface DescriptorBudget {
  /** So many are to be free. */
  readonly spare: number;
  /** Requests that may be answered at once, each with its connection, a file, and the connection once more for bytes that go past node:http. */
  readonly requests: number;
}

const SPARE_MIN = 16;
const SPARE_MAX = 64;
/** What a server has open when nobody asks it anything. */
const OWN = 16;

/** Shares out the descriptors that a process may have. */
export function planDescriptors(limit: number): DescriptorBudget {
  const spare = Math.min(SPARE_MAX, Math.max(SPARE_MIN, Math.floor(limit / 8)));
  return { spare, requests: Math.max(1, Math.floor((limit - spare - OWN) / 3)) };
}

export interface DescriptorWatchOptions {
  /** Gives some descriptors back, by the next turn of the event loop, that nobody needs now: connections on which nothing is asked. @returns false if there are none */
  readonly relieve: () => boolean;
  /** Told when they become few, at most once a minute. */
  readonly onScarce: (limit: number) => void;
}

const LOOK_MS = 1000;
const QUIET_LOOKS = 60;

/** Sees to it that a server has descriptors to spare. */
export class DescriptorWatch implements Disposable {
  readonly budget: DescriptorBudget;
  readonly #options: DescriptorWatchOptions;
  readonly #limit = descriptorLimit();
  readonly #timer: ReturnType<typeof setInterval>;
  #isScarce = false;
  #looksSinceTold = QUIET_LOOKS;

  constructor(options: DescriptorWatchOptions) {
    this.#options = options;
    this.budget = planDescriptors(this.#limit);
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref();
  }

  /** True if one more request is to wait, while so many others are answered. */
  isFull(answering: number): boolean {
    return this.#isScarce || answering >= this.budget.requests;
  }

  /**
   * While connections wait for a descriptor the kernel reports them again and again, and Bun asks for each again and again: a processor is
   * busy until there is one.
   */
  async #look(): Promise<void> {
    this.#looksSinceTold += 1;
    const { spare } = this.budget;
    this.#isScarce = !hasSpareDescriptors(spare);
    if (!this.#isScarce) return;
    if (this.#looksSinceTold > QUIET_LOOKS) {
      this.#looksSinceTold = 0;
      this.#options.onScarce(this.#limit);
    }
    while (this.#isScarce && this.#options.relieve()) {
      await nextTurn();
      this.#isScarce = !hasSpareDescriptors(spare);
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
