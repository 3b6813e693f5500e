/** What the uplink is made of, and what it says of itself. */
import type { SiteBuffer } from '../../buffer/site-buffer.ts';
import type { Digest } from '../../protocols/decoded.ts';
import type { Sharing } from '../../protocols/uplink/messages.ts';
import type { KeyLookup } from '../../protocols/uplink/open.ts';
import type { Signer } from '../../protocols/uplink/signature.ts';
import type { Clock } from '../platform/clock.ts';
import type { ClockTrust } from '../platform/clock-source.ts';
import type { Log } from '../platform/log.ts';
import type { OperatorFault } from '../platform/operator-fault.ts';
import type { Random } from '../platform/random.ts';
import type { AdvisoryBook } from './advisory-book.ts';
import type { AdvisoryView } from './advisory-desk.ts';
import type { AssetChangeSource } from './asset-changes.ts';
import type { ClientCertificate } from './client-certificate.ts';
import type { UplinkLink } from './link.ts';
import type { WindowSettings } from './publisher.ts';

export interface UplinkSettings {
  readonly broker: string;
  readonly siteName: string;
  readonly sector?: string;
  readonly sharing: Sharing;
  readonly programVersion: string;
  /** At least SUMMARY_INTERVAL_MS_MIN. */
  readonly summaryIntervalMs: number;
  readonly window?: WindowSettings;
  /** Differences instead of whole summaries, and coarse times (profiles.ts). */
  readonly isSparing?: boolean;
}

export interface UplinkOptions {
  readonly buffer: SiteBuffer;
  readonly signer: Signer;
  /** Knows the hub's receipt keys. */
  readonly receiptKeys: KeyLookup;
  readonly settings: UplinkSettings;
  readonly link: UplinkLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Makes the pseudonyms of sharing `minimal`. */
  readonly digest: Digest;
  /** Memory of the whole process, in bytes. */
  readonly residentBytes?: () => number;
  /** Called with each tick: the uplink isn't stuck. */
  readonly progress?: (part: 'uplink') => void;
  /** How far the wall clock can be trusted; `none` where nobody has looked. */
  readonly clockTrust?: () => ClockTrust;
  /** Where there is none, no advisory is believed. */
  readonly advisories?: AdvisoryBook;
  readonly assetChanges?: AssetChangeSource;
  /** Of mutual TLS; renewed over the link. */
  readonly certificate?: ClientCertificate;
  /** A renewed certificate has connected. */
  readonly onRenewed?: () => void;
  /** A warning that is new at this site, or that applies here now. */
  readonly onAdvisory?: (advisory: AdvisoryView) => void;
}

/** Since start, unless said otherwise. */
export interface UplinkState {
  readonly broker: string;
  readonly isConnected: boolean;
  readonly outboxMessages: number;
  readonly outboxBytes: number;
  readonly oldestAgeSeconds?: number;
  readonly summariesSigned: number;
  readonly alertsSigned: number;
  readonly messagesResent: number;
  readonly receiptsApplied: number;
  readonly receiptsRejected: number;
  /** In the buffer, whenever they were refused. */
  readonly refusedMessages: number;
  /** Connections after the first. */
  readonly reconnects: number;
  /** Since the last receipt was applied, by this process or one before. */
  readonly receiptAgeSeconds?: number;
  /** What the link carries, as measured; absent before the first answer. */
  readonly goodputBytesPerSecond?: number;
  readonly messageBytesMax: number;
  readonly requestsAnswered: number;
  readonly advisoriesRefused: number;
  /** Until the certificate of mutual TLS ends; absent without one. */
  readonly certificateDaysLeft?: number;
  readonly fault?: OperatorFault;
}
