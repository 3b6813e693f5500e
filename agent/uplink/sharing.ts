/**
 * What may leave the site, by its sharing level. `minimal`: counts, codes, and pseudonyms under the
 * site's own key in place of addresses; `standard`: addresses and unit ids too; `full`: values.
 */
import type { Digest } from '../../protocols/decoded.ts';
import type { Sharing } from '../../protocols/uplink/messages.ts';

/** 16 hex digits: the compact form of an address on the wire. */
const PSEUDONYM_DIGITS = 16;
/** Pseudonyms of addresses are made apart from those of user names and tokens. */
const ADDRESS_PREFIX = 'address:';
const WITHHELD = '(not shared)';

const URL = /\b[a-z][a-z0-9+.-]*:\/\/[^\s"']+/gi;
/** What our texts quote came from the wire: names, node ids, user data. */
const QUOTED = /"[^"]*"/g;
/** IPv6 and MAC addresses, and whatever else looks like one: better one too many. */
const COLON_ADDRESS = /(?<![0-9a-z:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![0-9a-z:])/gi;
const DASH_MAC_ADDRESS = /\b[0-9a-f]{2}(?:-[0-9a-f]{2}){5}\b/gi;
const IPV4_ADDRESS = /\b\d{1,3}(?:\.\d{1,3}){3}\b/g;
const UNIT_ID = /\b(unit(?: ?id)?) \d{1,3}\b/gi;

export class SharingPolicy {
  readonly level: Sharing;
  readonly #digest: Digest;

  constructor(level: Sharing, digest: Digest) {
    this.level = level;
    this.#digest = digest;
  }

  /** Unit ids, the site's name and the like: what `minimal` keeps at home. */
  get sharesNames(): boolean {
    return this.level !== 'minimal';
  }

  address(address: string): string {
    return this.sharesNames ? address : this.#pseudonym(address);
  }

  /**
   * A sentence for a person. At `minimal` the `known` names and whatever looks like an address
   * become pseudonyms; unit ids, URLs and everything in quotes are withheld.
   */
  words(text: string, known: readonly (string | undefined)[]): string {
    if (this.sharesNames) return text;
    let shared = text.replace(URL, WITHHELD).replace(QUOTED, WITHHELD);
    for (const name of known) {
      if (name !== undefined && name !== '') {
        shared = shared.replaceAll(name, this.#pseudonym(name));
      }
    }
    const toPseudonym = (address: string): string => this.#pseudonym(address);
    return shared
      .replace(DASH_MAC_ADDRESS, toPseudonym)
      .replace(COLON_ADDRESS, toPseudonym)
      .replace(IPV4_ADDRESS, toPseudonym)
      .replace(UNIT_ID, `$1 ${WITHHELD}`);
  }

  #pseudonym(name: string): string {
    const bytes = new TextEncoder().encode(ADDRESS_PREFIX + name);
    return this.#digest.pseudonym(bytes, 0, bytes.byteLength).slice(0, PSEUDONYM_DIGITS);
  }
}
