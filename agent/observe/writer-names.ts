/** Clients that wrote registers, as small numbers. */

/** Clients that are remembered; further ones are "another client". */
export const WRITERS_MAX = 1024;
const ANOTHER_WRITER = 'another client';

export class WriterNames {
  /** Number 0 is nobody. */
  readonly #names: string[] = [''];
  readonly #numbers = new Map<string, number>();

  numberOf(ipAddress: string): number {
    const known = this.#numbers.get(ipAddress);
    if (known !== undefined) return known;
    if (this.#names.length > WRITERS_MAX) return WRITERS_MAX + 1;
    this.#names.push(ipAddress);
    this.#numbers.set(ipAddress, this.#names.length - 1);
    return this.#names.length - 1;
  }

  nameOf(number: number): string {
    return this.#names[number] ?? ANOTHER_WRITER;
  }
}
