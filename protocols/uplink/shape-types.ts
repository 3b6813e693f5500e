/** The leaves of the message tables: numbers, texts, bytes, addresses, times, choices, lists. */
import { addressBytes, addressText, bytesOfHex, hexOfBytes } from './address.ts';
import { AGENT_ID_BYTES, agentIdBytes, agentIdFromBytes } from './agent-id.ts';
import { type Shape, ShapeFault } from './shape.ts';

/** A whole number from `min` to `max`; our own fractions are rounded. */
export function uint(max: number = Number.MAX_SAFE_INTEGER, min = 0): Shape<number> {
  return {
    about: { type: 'uint', min, max },
    toWire(value, context) {
      const whole = Math.round(value);
      if (!(whole >= min && whole <= max)) throw new RangeError(`${context.field}: ${value}`);
      return whole;
    },
    fromWire(wire) {
      if (typeof wire !== 'number' || !Number.isSafeInteger(wire))
        throw new ShapeFault('fieldType');
      if (wire < min || wire > max) throw new ShapeFault('fieldLimit');
      return wire;
    },
  };
}

/** A whole number with a sign: by how much a count differs from another one. */
export const difference: Shape<number> = {
  ...uint(Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER),
  about: { type: 'difference' },
};

/** Any finite number from `min` to `max`; without a fraction it is an integer on the wire. */
export function number(min: number, max: number): Shape<number> {
  return {
    about: { type: 'number', min, max },
    toWire(value, context) {
      if (!(value >= min && value <= max)) throw new RangeError(`${context.field}: ${value}`);
      return value + 0;
    },
    fromWire(wire) {
      if (typeof wire !== 'number') throw new ShapeFault('fieldType');
      if (!(wire >= min && wire <= max)) throw new ShapeFault('fieldLimit');
      return wire;
    },
  };
}

/** UTC microseconds; the times that follow in the message are relative to it. */
export const baseUs: Shape<number> = {
  about: { type: 'base' },
  toWire(value, context) {
    const whole = Math.round(value);
    if (!(whole >= 0 && Number.isSafeInteger(whole))) throw new RangeError(`${context.field}`);
    context.baseUs = whole;
    return whole;
  },
  fromWire(wire, context) {
    if (typeof wire !== 'number' || !Number.isSafeInteger(wire)) throw new ShapeFault('fieldType');
    if (wire < 0) throw new ShapeFault('fieldLimit');
    context.baseUs = wire;
    return wire;
  },
};

/** UTC microseconds, written as the signed difference from the message's base time. */
export const sinceBaseUs: Shape<number> = {
  about: { type: 'sinceBase' },
  toWire(value, context) {
    const difference = Math.round(value) - context.baseUs;
    if (!Number.isSafeInteger(difference)) throw new RangeError(`${context.field}: ${value}`);
    return difference;
  },
  fromWire(wire, context) {
    if (typeof wire !== 'number' || !Number.isSafeInteger(wire)) throw new ShapeFault('fieldType');
    const value = context.baseUs + wire;
    if (value < 0 || !Number.isSafeInteger(value)) throw new ShapeFault('fieldLimit');
    return value;
  },
};

export const bool: Shape<boolean> = {
  about: { type: 'bool' },
  toWire: (value) => value,
  fromWire(wire) {
    if (typeof wire !== 'boolean') throw new ShapeFault('fieldType');
    return wire;
  },
};

const CUT_MARK = '…';
/** At the beginning of a text decoders take one away, so none is written. */
const BYTE_ORDER_MARKS = /^\ufeff+/;
const utf8 = new TextEncoder();

/** UTF-8; our own text that is longer is cut at a character and ends with an ellipsis. */
export function text(bytesMax: number): Shape<string> {
  return {
    about: { type: 'text', bytesMax },
    toWire: (value) => cutText(value.toWellFormed().replace(BYTE_ORDER_MARKS, ''), bytesMax),
    fromWire(wire) {
      if (typeof wire !== 'string') throw new ShapeFault('fieldType');
      // A UTF-16 unit is at least a third of its bytes: most texts need no second look.
      if (wire.length * 3 > bytesMax && utf8.encode(wire).byteLength > bytesMax) {
        throw new ShapeFault('fieldLimit');
      }
      return wire;
    },
  };
}

function cutText(value: string, bytesMax: number): string {
  if (value.length * 3 <= bytesMax || utf8.encode(value).byteLength <= bytesMax) return value;
  const room = new Uint8Array(bytesMax - utf8.encode(CUT_MARK).byteLength);
  const { read } = utf8.encodeInto(value, room);
  return value.slice(0, read) + CUT_MARK;
}

export function bytes(length: number): Shape<Uint8Array> {
  return {
    about: { type: 'bytes', length },
    toWire(value, context) {
      if (value.byteLength !== length)
        throw new RangeError(`${context.field}: not ${length} bytes`);
      return value;
    },
    fromWire(wire) {
      if (!(wire instanceof Uint8Array)) throw new ShapeFault('fieldType');
      if (wire.byteLength !== length) throw new ShapeFault('fieldLimit');
      return wire;
    },
  };
}

/** Bytes of any length up to `bytesMax`. */
export function blob(bytesMax: number): Shape<Uint8Array> {
  return {
    about: { type: 'blob', bytesMax },
    toWire(value, context) {
      if (value.byteLength > bytesMax) throw new RangeError(`${context.field}: over ${bytesMax}`);
      return value;
    },
    fromWire(wire) {
      if (!(wire instanceof Uint8Array)) throw new ShapeFault('fieldType');
      if (wire.byteLength > bytesMax) throw new ShapeFault('fieldLimit');
      return wire;
    },
  };
}

/** Lower-case hex as text, raw bytes on the wire. */
export function hex(length: number): Shape<string> {
  const raw = bytes(length);
  return {
    about: { type: 'hex', length },
    toWire(value, context) {
      if (value.length !== length * 2 || !/^[0-9a-f]+$/.test(value)) {
        throw new RangeError(`${context.field}: "${value}" is not ${length * 2} hex digits`);
      }
      return bytesOfHex(value);
    },
    fromWire: (wire, context) => hexOfBytes(raw.fromWire(wire, context)),
  };
}

/** Base32 as text, 16 bytes on the wire. */
export const agentId: Shape<string> = {
  about: { type: 'agentId' },
  toWire(value, context) {
    const raw = agentIdBytes(value);
    if (raw === undefined) throw new RangeError(`${context.field}: "${value}" is no agentId`);
    return raw;
  },
  fromWire(wire) {
    if (!(wire instanceof Uint8Array)) throw new ShapeFault('fieldType');
    if (wire.byteLength !== AGENT_ID_BYTES) throw new ShapeFault('fieldLimit');
    return agentIdFromBytes(wire);
  },
};

/** Bytes of text that is no address (host and port, a line's name). */
const ADDRESS_TEXT_BYTES_MAX = 64;

/** IP address or pseudonym as text, its bytes on the wire; other text stays text. */
export const address: Shape<string> = {
  about: { type: 'address' },
  toWire: (value, context) => addressBytes(value) ?? addressAsText.toWire(value, context),
  fromWire(wire, context) {
    if (wire instanceof Uint8Array) {
      const value = addressText(wire);
      if (value === undefined) throw new ShapeFault('fieldLimit');
      return value;
    }
    const value = addressAsText.fromWire(wire, context);
    if (addressBytes(value) !== undefined) throw new ShapeFault('notCanonical');
    return value;
  },
};

const addressAsText = text(ADDRESS_TEXT_BYTES_MAX);

/** One of some words, its index on the wire; later versions add at the end. */
export function choice<T extends string>(words: readonly T[]): Shape<T> {
  return {
    about: { type: 'choice', words },
    toWire(value, context) {
      const code = words.indexOf(value);
      if (code < 0) throw new RangeError(`${context.field}: "${value}"`);
      return code;
    },
    fromWire(wire) {
      if (typeof wire !== 'number') throw new ShapeFault('fieldType');
      const word = words[wire];
      if (word === undefined) throw new ShapeFault('fieldLimit');
      return word;
    },
  };
}

/** The word that tells this message from others; a fixed number on the wire. */
export function constant<T extends string>(code: number, word: T): Shape<T> {
  return {
    about: { type: 'constant', code, word },
    toWire: () => code,
    fromWire(wire) {
      if (wire !== code) throw new ShapeFault('kindUnknown');
      return word;
    },
  };
}

/** `whenLonger: 'cut'` keeps the first `max` of our own lists; otherwise a longer one is a bug. */
export function list<T>(
  max: number,
  of: Shape<T>,
  whenLonger: 'cut' | 'bug' = 'bug',
): Shape<readonly T[]> {
  return {
    about: { type: 'list', max, of: of.about },
    toWire(values, context) {
      if (values.length > max && whenLonger === 'bug') {
        throw new RangeError(`${context.field}: more than ${max}`);
      }
      return values.slice(0, max).map((value) => of.toWire(value, context));
    },
    fromWire(wire, context) {
      if (!Array.isArray(wire)) throw new ShapeFault('fieldType');
      if (wire.length > max) throw new ShapeFault('fieldLimit');
      return wire.map((part) => of.fromWire(part, context));
    },
  };
}
