/**
 * MAC addresses and the IP addresses behind them. One with many addresses behind it is a router:
 * what it forwards is not its own, so devices behind it are never merged with it or each other.
 */
import { AssetFacts, type FactBudget } from './asset-facts.ts';

/** MAC addresses kept; further ones are only counted. */
export const MACS_MAX = 10_240;
/** Addresses behind one MAC address that are kept; of a router with more, their number is. */
export const ADDRESSES_BEHIND_MAX = 64;
/** So many addresses in traffic that ARP doesn't give to the MAC address make it a router. */
export const ROUTER_ADDRESSES = 3;
/** Addresses that ARP gives to one MAC address, up to which they are one device. */
export const MERGED_ADDRESSES_MAX = 4;

/** RFC 5798 section 7.3 and what HSRP uses: a MAC address that routers share. */
const VIRTUAL_ROUTERS = [
  { prefix: '00:00:5e:00:01:', name: 'VRRP' },
  { prefix: '00:00:5e:00:02:', name: 'VRRP' },
  { prefix: '00:00:0c:07:ac:', name: 'HSRP' },
  { prefix: '00:00:0c:9f:f', name: 'HSRP' },
] as const;

const NONE: readonly string[] = [];

export interface MacRow {
  readonly macAddress: string;
  /** Addresses that it was the sender's or receiver's MAC address of, in IP packets. */
  behind: readonly string[];
  /** Addresses that it claimed by ARP. */
  claimed: readonly string[];
  /** What LLDP told of it. */
  readonly facts: AssetFacts;
  readonly firstSeenUs: number;
  lastSeenUs: number;
  /** Addresses behind it beyond ADDRESSES_BEHIND_MAX. */
  behindRefused: number;
  isChanged: boolean;
}

export class MacTable {
  readonly #budget: FactBudget;
  readonly #rows = new Map<string, MacRow>();
  refusedCount = 0;

  constructor(budget: FactBudget) {
    this.#budget = budget;
  }

  get used(): number {
    return this.#rows.size;
  }

  rows(): Iterable<MacRow> {
    return this.#rows.values();
  }

  get(macAddress: string): MacRow | undefined {
    return this.#rows.get(macAddress);
  }

  /** The row of that address, made where there is none; undefined: no room. */
  row(macAddress: string, timeUs: number): MacRow | undefined {
    let row = this.#rows.get(macAddress);
    if (row === undefined) {
      if (this.#rows.size >= MACS_MAX) {
        this.refusedCount++;
        return undefined;
      }
      row = {
        macAddress,
        behind: NONE,
        claimed: NONE,
        facts: new AssetFacts(this.#budget),
        firstSeenUs: timeUs,
        lastSeenUs: timeUs,
        behindRefused: 0,
        isChanged: true,
      };
      this.#rows.set(macAddress, row);
    }
    row.lastSeenUs = Math.max(row.lastSeenUs, timeUs);
    return row;
  }

  /** An IP packet of that address had this MAC address. */
  sawTraffic(macAddress: string, ipAddress: string, timeUs: number): void {
    const row = this.row(macAddress, timeUs);
    if (row === undefined || row.behind.includes(ipAddress)) return;
    if (row.behind.length >= ADDRESSES_BEHIND_MAX) row.behindRefused++;
    // Spread would leave room for sixteen more.
    else row.behind = row.behind.concat([ipAddress]);
    row.isChanged = true;
  }

  /** ARP says that the address is its. */
  sawClaim(macAddress: string, ipAddress: string, timeUs: number): void {
    const row = this.row(macAddress, timeUs);
    if (row === undefined || row.claimed.includes(ipAddress)) return;
    if (row.claimed.length >= ADDRESSES_BEHIND_MAX) return;
    row.claimed = row.claimed.concat([ipAddress]);
    row.isChanged = true;
  }
}

/** Addresses in its traffic that it never claimed. */
export function forwardedBy(row: MacRow): string[] {
  return row.behind.filter((address) => !row.claimed.includes(address));
}

export function isRouter(row: MacRow): boolean {
  return (
    virtualRouterOf(row.macAddress) !== undefined ||
    row.behindRefused > 0 ||
    forwardedBy(row).length >= ROUTER_ADDRESSES ||
    // Proxy ARP: it claims what isn't its own (RFC 1027).
    row.claimed.length > MERGED_ADDRESSES_MAX
  );
}

/** `VRRP` or `HSRP` where routers share the address, one of them at a time. */
export function virtualRouterOf(macAddress: string): string | undefined {
  return VIRTUAL_ROUTERS.find(({ prefix }) => macAddress.startsWith(prefix))?.name;
}

/** Addresses of one device with several: all that it sends, and claimed one by one. */
export function mergedAddresses(row: MacRow): readonly string[] {
  if (isRouter(row) || row.claimed.length < 2 || forwardedBy(row).length > 0) return [];
  return row.claimed;
}
