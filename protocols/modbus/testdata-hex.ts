/**
 * Wire bytes as tests write them: pairs of hex digits with spaces where a reader wants them. Tests
 * alone use this file.
 */
import type { ByteSpan } from '../decoded.ts';

export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
    Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16),
  );
}

/**
 * The bytes as a span whose neighbours are 0xEE: a decoder that reads past either end gives itself
 * away by values of 238.
 */
export function spanFromHex(text: string): ByteSpan {
  return spanOf(fromHex(text));
}

export function spanOf(content: Uint8Array): ByteSpan {
  const bytes = new Uint8Array(content.length + 16).fill(0xee);
  bytes.set(content, 8);
  return { bytes, offset: 8, length: content.length };
}

/** A span that fails the test when any byte outside it is read. */
export function guardedSpan(content: Uint8Array): ByteSpan {
  const bytes = new Proxy(spanOf(content).bytes, {
    get(target, property): unknown {
      if (typeof property === 'string' && /^\d+$/.test(property)) {
        const index = Number(property);
        if (index < 8 || index >= 8 + content.length) throw new Error(`read at ${index - 8}`);
        return target[index];
      }
      return Reflect.get(target, property);
    },
  });
  return { bytes, offset: 8, length: content.length };
}
