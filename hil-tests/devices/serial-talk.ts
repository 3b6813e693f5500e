/**
 * Talk of an RTU line, made anew each time from a seed, and what a listener must have counted after
 * it. The check is computed bit by bit, as the specification draws it, and not as the sensor does.
 * Spec: MODBUS over Serial Line V1.02, section 6.2.2.
 */

export interface Talk {
  /** One transmission each. */
  readonly pieces: readonly Uint8Array[];
  readonly requests: number;
  readonly responses: number;
  /** Bytes that belong to no whole frame. */
  readonly strayBytes: number;
}

export const NO_TALK: Talk = { pieces: [], requests: 0, responses: 0, strayBytes: 0 };

export function rtuFrame(unitId: number, ...pdu: readonly number[]): Uint8Array {
  const content = [unitId, ...pdu];
  let register = 0xffff;
  for (const byte of content) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      register = (register & 1) === 1 ? (register >> 1) ^ 0xa001 : register >> 1;
    }
  }
  return Uint8Array.from([...content, register & 0xff, register >> 8]);
}

/** Polls with their answers, each in a piece of its own. */
export function polls(seed: number, count: number): Talk {
  const dice = new Dice(seed);
  const pieces = Array.from({ length: count }, () => poll(dice)).flat();
  return { pieces, requests: count, responses: count, strayBytes: 0 };
}

/** Several frames in one piece, as an adapter hands them on that reads late. */
export function merged(seed: number, count: number): Talk {
  const { pieces, ...counts } = polls(seed, count);
  return { pieces: [joined(pieces)], ...counts };
}

/** Polls of a device that isn't there. */
export function unanswered(seed: number, count: number): Talk {
  const { pieces } = polls(seed, count);
  const requests = pieces.filter((_, index) => index % 2 === 0);
  return { pieces: requests, requests: count, responses: 0, strayBytes: 0 };
}

/** Between whole polls: a response with a flipped bit, one that was cut, and plain noise. */
export function noisy(seed: number, count: number): Talk {
  const dice = new Dice(seed);
  const pieces: Uint8Array[] = [];
  let strayBytes = 0;
  let requests = 0;
  for (let index = 0; index < count; index++) {
    const [request, response] = poll(dice);
    const spoilt = spoil(dice, response, index % 3);
    pieces.push(request, spoilt, ...poll(dice));
    strayBytes += spoilt.length;
    requests += 2;
  }
  return { pieces, requests, responses: count, strayBytes };
}

/** All of it, one after the other. */
export function together(...talks: readonly Talk[]): Talk {
  return talks.reduce(
    (sum, talk) => ({
      pieces: [...sum.pieces, ...talk.pieces],
      requests: sum.requests + talk.requests,
      responses: sum.responses + talk.responses,
      strayBytes: sum.strayBytes + talk.strayBytes,
    }),
    NO_TALK,
  );
}

export function bytesOf({ pieces }: Talk): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function poll(dice: Dice): [Uint8Array, Uint8Array] {
  const unitId = 1 + dice.below(20);
  const functionCode = 3 + dice.below(2);
  const quantity = 1 + dice.below(12);
  const data = Array.from({ length: quantity * 2 }, () => dice.below(256));
  return [
    rtuFrame(unitId, functionCode, dice.below(4), dice.below(256), 0, quantity),
    rtuFrame(unitId, functionCode, quantity * 2, ...data),
  ];
}

function spoil(dice: Dice, frame: Uint8Array, how: number): Uint8Array {
  if (how === 0) {
    const flipped = frame.slice();
    flipped[dice.below(frame.length)] ^= 1 << dice.below(8);
    return flipped;
  }
  if (how === 1) return frame.subarray(0, 1 + dice.below(frame.length - 1));
  return Uint8Array.from({ length: 1 + dice.below(9) }, () => dice.below(256));
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

/** Numbers of a seed, so that a failure is the same tomorrow (xorshift32). */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
}
