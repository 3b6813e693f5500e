/** What a link costs decides how it is used: docs/configuration.md, `uplink.profile`. */
import type { WindowSettings } from './publisher.ts';

export const PROFILE_NAMES = ['normal', 'metered', 'satellite'] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

export interface Profile {
  readonly summaryIntervalMs: number;
  /** Summaries as differences from the last one with a receipt, and times in whole seconds. */
  readonly isSparing: boolean;
  readonly window: WindowSettings;
  /** Key exchange of TLS; absent: OpenSSL's own list, whose first is 1.2 kB longer. */
  readonly keyExchange?: string;
}

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  normal: {
    summaryIntervalMs: 60_000,
    isSparing: false,
    window: { messagesMax: 16, bytesMax: 64 * 1024, receiptTimeoutMs: 15_000 },
  },
  metered: {
    summaryIntervalMs: 300_000,
    isSparing: true,
    window: { messagesMax: 8, bytesMax: 32 * 1024, receiptTimeoutMs: 60_000 },
    keyExchange: 'X25519',
  },
  satellite: {
    summaryIntervalMs: 900_000,
    isSparing: true,
    window: { messagesMax: 8, bytesMax: 32 * 1024, receiptTimeoutMs: 120_000 },
    keyExchange: 'X25519',
  },
};
