/**
 * Takes secrets out of text that leaves the gateway by hand: private keys, passwords in addresses
 * and in settings, long runs of key material. The agent writes none of these; this is the second
 * lock, for what others put into its log and its configuration.
 */

const WITHHELD = '(withheld)';

const PRIVATE_KEY =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const URL_USER = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi;
/** What settings that hold secrets are called, or begin with. */
const NAMES = [
  'pass(?:word|phrase|wd)?',
  'secret',
  'token',
  'credential',
  'community',
  'api[_-]?key',
  'private[_-]?key',
];
/** `password: x`, `"token":"x"`, `secret=x`, whatever the word is joined with. */
const SETTING = new RegExp(
  `((?:${NAMES.join('|')})[\\w-]*["']?\\s*[:=]\\s*)` +
    `(?:"(?:[^"\\\\]|\\\\.)*"|'[^']*'|[^\\s,;}\\]"']+)`,
  'gi',
);
/** Raw keys as hex: 64 digits and more that stand alone. Digests of ours are told by name. */
const LONG_HEX = /\b[0-9a-f]{64,}\b/gi;

export function redact(text: string): string {
  return text
    .replace(PRIVATE_KEY, WITHHELD)
    .replace(URL_USER, `$1${WITHHELD}@`)
    .replace(SETTING, `$1${WITHHELD}`)
    .replace(LONG_HEX, WITHHELD);
}
