/**
 * Text from the wire on its way to a person. A device name may hold terminal commands or
 * right-to-left marks that turn a line around; inside the program the text stays as it came, and
 * every output passes it through here.
 */

/** Controls, format characters (bidi, zero width, tags), lone surrogates, line separators. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Replaces what a terminal or a log viewer might obey instead of show by its code point, so that
 * one value stays on one line and reads as it is. Other characters of any script pass.
 */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const codePoint = character.codePointAt(0) ?? 0;
    const digits = codePoint.toString(16);
    return codePoint > 0xffff ? `\\u{${digits}}` : `\\u${digits.padStart(4, '0')}`;
  });
}

/** Like `escapeText`, and never longer than `charactersMax`; `…` marks the cut. */
export function escapeTextShort(text: string, charactersMax: number): string {
  const escaped = escapeText(text.slice(0, charactersMax + 1));
  return escaped.length <= charactersMax ? escaped : `${escaped.slice(0, charactersMax - 1)}…`;
}

const PLAIN_ASCII = /^[\x20-\x7e]*$/;

/**
 * The same for finished JSON text, losslessly: such a character can only stand inside one of its
 * strings, where JSON has an escape for it.
 */
export function escapeJson(json: string): string {
  if (PLAIN_ASCII.test(json)) return json;
  return json.replace(UNSAFE, (character) => {
    let escaped = '';
    for (let index = 0; index < character.length; index++) {
      escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
    }
    return escaped;
  });
}
