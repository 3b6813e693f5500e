/**
 * Puts the uplink together from the configuration: identity, keys, link, profile, clock,
 * advisories. Loaded only where there is an uplink: MQTT and the signatures cost memory.
 */
import { dirname, join } from 'node:path';
import type { SiteBuffer } from '../buffer/site-buffer.ts';
import type { Signer } from '../protocols/uplink/signature.ts';
import type { Config } from './config.ts';
import { finishKeyChange, KeyChange } from './key-change.ts';
import type { Clock } from './platform/clock.ts';
import { openClockTrust } from './platform/clock-source.ts';
import { SiteDigest } from './platform/digest.ts';
import type { Log } from './platform/log.ts';
import type { Random } from './platform/random.ts';
import { AdvisoryBook } from './uplink/advisory-book.ts';
import type { AdvisoryView } from './uplink/advisory-desk.ts';
import type { AssetChangeSource } from './uplink/asset-changes.ts';
import { ClientCertificate } from './uplink/client-certificate.ts';
import { loadAdvisoryKey, loadReceiptKey, openAgentIdentity } from './uplink/credentials.ts';
import { MqttLink } from './uplink/mqtt-link.ts';
import { PROFILES } from './uplink/profiles.ts';
import { lowestTimeIfClockIsWrong } from './uplink/site-time.ts';
import { Uplink } from './uplink/uplink.ts';
import { PROGRAM_VERSION } from './version.ts';

/** Beside the buffer: signed bytes of the advisories that this site knows. */
const ADVISORIES_FILE = 'advisories.json';

export interface UplinkParts {
  readonly config: Config;
  readonly uplink: NonNullable<Config['uplink']>;
  readonly buffer: SiteBuffer;
  readonly siteKey: Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly assetChanges?: AssetChangeSource;
  /** A warning that is new at this site, or that applies here now. */
  readonly onAdvisory?: (advisory: AdvisoryView) => void;
}

/** Throws OperatorFault for what an operator has to mend first. The uplink is started. */
export async function startUplink(
  parts: UplinkParts,
): Promise<{ readonly uplink: Uplink; readonly agentId: string }> {
  const { config, uplink, buffer, siteKey, clock, random, log, assetChanges, onAdvisory } = parts;
  const { site } = config;
  const { broker, credentials } = uplink;
  finishKeyChange(credentials);
  const { agentId, signer } = openAgentIdentity(credentials);
  const profile = PROFILES[uplink.profile];
  const advisoryKeys = loadAdvisoryKey(credentials);
  const hubTimeMs = (): number => buffer.statistics()?.lastReceipt?.hubTimeMs ?? 0;
  const nowMs = (): number => Math.max(clock.wallMs(), hubTimeMs());
  const certificate = broker.startsWith('mqtts:')
    ? new ClientCertificate(credentials, agentId, nowMs)
    : undefined;
  const link = new MqttLink({
    broker,
    agentId,
    ...(certificate !== undefined && { tls: () => certificate.credentials() }),
    ...(advisoryKeys !== undefined && { sector: site.sector ?? '' }),
    ...(profile.keyExchange !== undefined && { keyExchange: profile.keyExchange }),
    lowestTimeMs: () => lowestTimeIfClockIsWrong(clock, hubTimeMs()),
  });
  const rotate = (next: Signer): boolean => started.rotateKey(next).kind === 'appended';
  const keys = new KeyChange(credentials, signer, rotate, log);
  const started = new Uplink({
    clock,
    random,
    log,
    buffer,
    signer,
    receiptKeys: loadReceiptKey(credentials),
    link,
    digest: new SiteDigest(siteKey),
    clockTrust: await openClockTrust(),
    ...(advisoryKeys !== undefined && {
      advisories: new AdvisoryBook(
        join(dirname(config.buffer.path), ADVISORIES_FILE),
        advisoryKeys,
        log,
      ),
    }),
    ...(assetChanges !== undefined && { assetChanges }),
    ...(certificate !== undefined && { certificate }),
    onRenewed: () => keys.renewWhenOld(nowMs()),
    ...(onAdvisory !== undefined && { onAdvisory }),
    settings: {
      broker,
      siteName: site.name,
      ...(site.sector !== undefined && { sector: site.sector }),
      sharing: site.sharing,
      programVersion: PROGRAM_VERSION,
      summaryIntervalMs: uplink.summaryIntervalMs,
      window: profile.window,
      isSparing: profile.isSparing,
    },
  });
  started.start();
  keys.announce();
  return { uplink: started, agentId };
}
