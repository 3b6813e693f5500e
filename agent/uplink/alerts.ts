/** A detection in the words of the sharing level: the content of an alert on stream 1. */

import type { DetectionChange } from '../../protocols/interval-report.ts';
import { bytesOfHex } from '../../protocols/uplink/address.ts';
import type { Alert, MessageIdentity } from '../../protocols/uplink/messages.ts';
import type { SharingPolicy } from './sharing.ts';

/** An alert without what the chain and the clock add when it is signed. */
export type AlertContent = Omit<Alert, keyof MessageIdentity>;

const SHA256_HEX = /^[0-9a-f]{64}$/;

export function alertContent(
  { change, detection }: DetectionChange,
  policy: SharingPolicy,
): AlertContent {
  const { client, server, unitId, evidence } = detection;
  const words = (text: string): string => policy.words(text, [client, server]);
  const framesSha256 = SHA256_HEX.test(evidence.framesSha256 ?? '')
    ? bytesOfHex(evidence.framesSha256 ?? '')
    : undefined;
  return {
    kind: 'alert',
    change,
    sharing: policy.level,
    detectionId: detection.detectionId,
    code: detection.code,
    severity: detection.severity,
    title: words(detection.title),
    techniques: detection.techniques,
    firstSeenUs: detection.firstSeenUs,
    lastSeenUs: Math.max(detection.firstSeenUs, detection.lastSeenUs),
    occurrencesCount: detection.occurrencesCount,
    ...(client !== undefined && { client: policy.address(client) }),
    ...(server !== undefined && { server: policy.address(server) }),
    ...(unitId !== undefined && policy.sharesNames && { unitId }),
    records: evidence.records,
    ...(framesSha256 !== undefined && { framesSha256 }),
    explanation: words(detection.explanation),
    remedy: words(detection.remedy),
  };
}
