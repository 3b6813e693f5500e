/**
 * The invalid test vectors. Those of layer `encoding` and most of layer `rule` carry a signature
 * that verifies: a verifier that stops after the signature takes them all.
 */
import { deflateRawSync } from 'node:zlib';
import { bytesOfHex, hexOfBytes } from '../protocols/uplink/address.ts';
import { encodeCbor, type WireValue } from '../protocols/uplink/cbor.ts';
import { encodeAgentMessage, encodeHubMessage, encodeReceipt } from '../protocols/uplink/codec.ts';
import { signDeflated, signMessage } from '../protocols/uplink/cose.ts';
import { encodeEnvelope, toBeSigned } from '../protocols/uplink/envelope.ts';
import type { Advisory, AgentMessage, HubRequest, Receipt } from '../protocols/uplink/messages.ts';
import type { Layer } from '../protocols/uplink/refusal.ts';
import {
  sampleAdvisory,
  sampleAdvisoryAnswer,
  sampleEvidence,
  sampleKeyRotation,
  sampleNextSigner,
  sampleRequest,
  sampleStatement,
  sampleSummaryDelta,
  sampleTombstone,
} from '../protocols/uplink/sample-hub-messages.ts';
import { sampleEs256Signer, sampleSigner } from '../protocols/uplink/sample-keys.ts';
import {
  sampleAlert,
  sampleBytes,
  sampleEpochBegins,
  sampleReceipt,
  sampleSummary,
} from '../protocols/uplink/sample-messages.ts';
import type { Signer } from '../protocols/uplink/signature.ts';
import {
  advisoryTopic,
  receiptTopic,
  requestTopic,
  streamTopic,
} from '../protocols/uplink/topics.ts';

export interface InvalidCase {
  readonly name: string;
  /** Undefined for a valid one that a later case of the file needs. */
  readonly layer?: Layer;
  readonly reason?: string;
  readonly topic: string;
  readonly deliveredTopic?: string;
  readonly signer: Signer;
  readonly bytes: Uint8Array;
}

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const agent = sampleSigner('agent');
const tpm = sampleEs256Signer('agent');
const other = sampleSigner('other agent');
const hub = sampleSigner('hub');
const { signerId } = agent;
const summaries = streamTopic(signerId, 2);
const alerts = streamTopic(signerId, 1);
const receipts = receiptTopic(signerId);

const requests = requestTopic(signerId);
const evidence = streamTopic(signerId, 3);
const rotation = sampleKeyRotation(sampleNextSigner(3), 120);

const begins = encodeAgentMessage(sampleEpochBegins(signerId, 2));
const plain = signMessage(agent, summaries, begins);
const summary = sampleSummary(signerId, 102);
const sealed = (message: AgentMessage, topic = summaries) =>
  signMessage(agent, topic, encodeAgentMessage(message));
const sealedReceipt = (receipt: Receipt, topic = receipts) =>
  signMessage(hub, topic, encodeReceipt(receipt));

// biome-ignore format: one case a line
export const SIGNATURE_CASES: readonly InvalidCase[] = [
  signature('a flipped bit in the payload', flip(plain, plain.length - 80), 'signatureInvalid'),
  signature('a flipped bit in the signature', flip(plain, plain.length - 1), 'signatureInvalid'),
  signature('a flipped bit in the protected header\'s key id', flip(plain, 12), 'signatureInvalid'),
  signature('signed for another agent\'s topic', signMessage(agent, streamTopic(other.signerId, 2), begins), 'signatureInvalid'),
  signature('signed for the topic of alerts', signMessage(agent, alerts, begins), 'signatureInvalid'),
  signature('signed with another agent\'s key', signMessage({ ...other, signerId }, summaries, begins), 'signatureInvalid'),
  signature('signed without external_aad', signMessage(agent, '', begins), 'signatureInvalid'),
  signature('a signature of zeros', Uint8Array.from([...plain.subarray(0, -64), ...new Uint8Array(64)]), 'signatureInvalid'),
  signature('cut in the middle', plain.subarray(0, 100), 'envelopeUnreadable'),
  signature('the CBOR alone, without envelope', begins, 'envelopeUnreadable'),
  signature('a signature of 63 bytes', Uint8Array.from([...plain.subarray(0, -66), 0x58, 0x3f, ...plain.subarray(-63)]), 'envelopeUnreadable'),
];

// biome-ignore format: one case a line
export const ENCODING_CASES: readonly InvalidCase[] = [
  encoding('a key twice',                            'duplicateKey',     edited(begins, { count: 1, append: '0a00' })),
  encoding('keys not in order',                      'keysNotSorted',    swapLastPairs(begins)),
  encoding('an integer longer than it need be',      'notMinimal',       replaced(begins, '040205', '04180205')),
  encoding('a length longer than it need be',        'notMinimal',       replaced(begins, '065820', '06590020')),
  encoding('a map of indefinite length',             'indefiniteLength', concat('bf', hexOfBytes(begins).slice(2), 'ff')),
  encoding('a text of indefinite length',            'indefiniteLength', edited(begins, { count: 1, append: '18637f6161ff' })),
  encoding('a tag inside',                           'tagInside',        edited(begins, { count: 1, append: '1863c100' })),
  encoding('nine levels deep',                       'tooDeep',          edited(begins, { count: 1, append: `1863${'81'.repeat(8)}00` })),
  encoding('a double that fits a half',              'floatNotShortest', edited(begins, { count: 1, append: '1863fb3ff8000000000000' })),
  encoding('a float that is a whole number',         'floatNotShortest', edited(begins, { count: 1, append: '1863f93c00' })),
  encoding('not a number',                           'valueNotAllowed',  edited(begins, { count: 1, append: '1863f97e00' })),
  encoding('undefined',                              'valueNotAllowed',  edited(begins, { count: 1, append: '1863f7' })),
  encoding('text that is no UTF-8',                  'textNotUtf8',      edited(begins, { count: 1, append: '186362c328' })),
  encoding('an integer beyond 2^53',                 'integerTooLarge',  edited(begins, { count: 1, append: '18631b0020000000000000' })),
  encoding('a byte behind the CBOR',                 'trailingBytes',    concat(hexOfBytes(begins), '00')),
  encoding('CBOR cut short',                         'notWellFormed',    begins.subarray(0, -1)),
  { ...encoding('a byte behind the DEFLATE stream',  'trailingBytes',    begins), bytes: signDeflated(agent, summaries, Buffer.concat([deflateRawSync(begins), Buffer.of(0)])) },
  { ...encoding('a byte behind the envelope',        'trailingBytes',    begins), bytes: Buffer.concat([plain, Buffer.of(0)]) },
  { ...encoding('an inflate bomb',                   'inflatedTooLarge', begins), bytes: signDeflated(agent, summaries, deflateRawSync(new Uint8Array(1 << 20))) },
  { ...encoding('a payload that isn\'t deflated',    'payloadNotDeflate', begins), bytes: signDeflated(agent, summaries, concat('ff', hexOfBytes(begins))) },
  { ...encoding('an envelope without its tag',       'envelopeNotStrict', begins), bytes: plain.subarray(1) },
  { ...encoding('an unprotected header',             'envelopeNotStrict', begins), bytes: replaced(plain, `a0${payloadHead(plain)}`, `a1044101${payloadHead(plain)}`) },
  { ...encoding('a length in the envelope longer than it need be', 'envelopeNotStrict', begins), bytes: replaced(plain, `a0${payloadHead(plain)}`, `a05900${payloadHead(plain).slice(2)}`) },
  { ...encoding('a third parameter in the protected header', 'envelopeNotStrict', begins), bytes: withHeader(agent, summaries, begins, new Map<number, WireValue>([[1, -8], [3, 0], [4, kidOf(agent)]])) },
  { ...encoding('the other s of an ES256 signature', 'signatureNotCanonical', begins), signer: tpm, bytes: withHighS(signMessage(tpm, summaries, begins)) },
];

// biome-ignore format: one case a line
export const RULE_CASES: readonly InvalidCase[] = [
  { name: 'valid: the summary that the next two contradict', topic: summaries, signer: agent, bytes: sealed(summary) },
  rule('a sequence twice, with another content',      'forked',            sealed({ ...summary, observationsCount: 99 })),
  rule('another predecessor than the one before it',  'forked',            sealed({ ...sampleSummary(signerId, 103), previousSha256: sampleBytes('elsewhere', 32) })),
  { ...rule('delivered on another agent\'s topic',    'topicMismatch',     sealed(sampleSummary(signerId, 105))), deliveredTopic: streamTopic(other.signerId, 2) },
  { ...rule('delivered on another stream\'s topic',   'topicMismatch',     sealed(sampleSummary(signerId, 105))), deliveredTopic: alerts },
  { ...rule('signed for alerts, a summary inside',    'streamMismatch',    sealed(sampleSummary(signerId, 105), alerts)), topic: alerts },
  rule('the header says ES256, the key is Ed25519',   'algorithmMismatch', withHeader(agent, summaries, begins, new Map<number, WireValue>([[1, -7], [4, kidOf(agent)]]))),
  { ...rule('the header says EdDSA, the key is ES256', 'algorithmMismatch', withHeader(tpm, summaries, begins, new Map<number, WireValue>([[1, -8], [4, kidOf(tpm)]]))), signer: tpm },
  rule('the header says an algorithm that nobody has', 'algorithmMismatch', withHeader(agent, summaries, begins, new Map<number, WireValue>([[1, -65_000], [4, kidOf(agent)]]))),
  rule('the key id names another agent',              'signerMismatch',    signMessage({ ...agent, signerId: other.signerId }, summaries, begins)),
  rule('a summary as sequence 1',                     'epochNotBegun',     sealed({ ...summary, sequence: 1, previousSha256: new Uint8Array(32) })),
  rule('an epoch that begins at sequence 7',          'epochNotBegun',     sealed({ ...sampleEpochBegins(signerId, 2), sequence: 7 })),
  rule('sequence 1 with a predecessor',               'epochNotBegun',     sealed({ ...sampleEpochBegins(signerId, 2), previousSha256: sampleBytes('before', 32) })),
  rule('an alert on the stream of summaries',         'streamMismatch',    sealed({ ...sampleAlert(signerId, 109), stream: 2 })),
  rule('an end before its beginning',                 'timeReversed',      sealed({ ...sampleSummary(signerId, 109), toUs: 1_780_000_000_000_000 })),
  rule('a field is missing',                          'fieldMissing',      edited(begins, { count: -1, cut: 2 })),
  rule('a field of another type',                     'fieldType',         replaced(begins, '0802', '0841ff')),
  rule('a word that the list doesn\'t have',          'fieldLimit',        replaced(begins, '0802', '081818')),
  rule('a message of a kind that nobody knows',       'kindUnknown',       replaced(begins, 'aa0101', 'aa0117')),
  rule('an address as text that fits bytes',          'notCanonical',      addressAsText()),
  { ...rule('a receipt for another agent than its topic', 'topicMismatch', sealedReceipt(sampleReceipt(other.signerId, 1))), topic: receipts, signer: hub },
  { ...rule('a receipt whose ranges overlap',         'fieldLimit',        sealedReceipt({ ...sampleReceipt(signerId, 1), have: [{ from: 20, to: 30, lastSha256: sampleBytes('a', 32) }, { from: 25, to: 26, lastSha256: sampleBytes('b', 32) }] })), topic: receipts, signer: hub },
  { ...rule('a receipt with serial 0',                'fieldLimit',        signMessage(hub, receipts, replaced(encodeReceipt(sampleReceipt(signerId, 1)), '0c010d', '0c000d'))), topic: receipts, signer: hub },
];

// biome-ignore format: one case a line
export const MESSAGE_CASES: readonly InvalidCase[] = [
  ofAgent('a tombstone that ends before it begins',          'fieldLimit',      { ...sampleTombstone(signerId, 201), to: 17 }),
  ofAgent('a tombstone for more messages than its range',    'fieldLimit',      { ...sampleTombstone(signerId, 203), messages: 81 }),
  ofAgent('a tombstone as sequence 1',                       'epochNotBegun',   { ...sampleTombstone(signerId, 1) }),
  ofAgent('a statement on the stream of summaries',          'streamMismatch',  { ...sampleStatement(signerId, 205), stream: 2 }),
  ofAgent('a statement whose range runs backwards',          'fieldLimit',      { ...sampleStatement(signerId, 207), from: 18, to: 17 }),
  ofAgent('blind until before it began',                     'timeReversed',    { ...sampleStatement(signerId, 209), code: 'blind', fromUs: 20, toUs: 10 }),
  ofAgent('an answer to an advisory whose id is a path',     'fieldLimit',      { ...sampleAdvisoryAnswer(signerId, 211), advisoryId: '../../etc/passwd' }),
  ofAgent('a new key that has not signed for itself',        'newKeyUnproven',  { ...rotation, newSignature: sampleKeyRotation(sampleNextSigner(4), 120).newSignature }),
  ofAgent('a new key proved for another number',             'newKeyUnproven',  { ...rotation, newKeyNumber: 9 }),
  ofAgent('an Ed25519 key of 65 bytes',                      'fieldLimit',      { ...rotation, newPublicKey: tpm.publicKey }),
  { ...ofAgent('key 3 announces key 2',                      'fieldLimit',      sampleKeyRotation(tpm, 122)), signer: sampleNextSigner(3), bytes: signMessage(sampleNextSigner(3), alerts, encodeAgentMessage(sampleKeyRotation(tpm, 122))) },
  ofAgent('part 2 of 1 of evidence',                         'fieldLimit',      { ...sampleEvidence(signerId, 213), part: { number: 2, of: 1 } }),
  ofAgent('evidence on the stream of alerts',                'streamMismatch',  { ...sampleEvidence(signerId, 215), stream: 1 }),
  ofAgent('a difference from a later summary',               'fieldLimit',      { ...sampleSummaryDelta(signerId, 217), baseSequence: 217 }),
  ofAgent('blind in a summary, backwards',                   'timeReversed',    { ...sampleSummary(signerId, 219), blind: [{ fromUs: 1_790_000_000_000_002, toUs: 1_790_000_000_000_001, cause: 'overload' }] }),
  { ...ofAgent('evidence longer than a part',                'fieldLimit',      sampleEvidence(signerId, 221)), bytes: signMessage(agent, evidence, longEvidence()) },
  ofRequest('a request for a range that runs backwards',     'fieldLimit',      { ...sampleRequest(signerId, 1), resend: [{ epoch: 7, stream: 1, from: 5, to: 4 }] }),
  { ...ofRequest('a request for another agent than its topic', 'topicMismatch', sampleRequest(signerId, 1)), bytes: signMessage(hub, requests, encodeHubMessage(sampleRequest(other.signerId, 1))) },
  { ...ofRequest('a receipt on the topic of requests',       'kindUnknown',     sampleRequest(signerId, 1)), bytes: signMessage(hub, requests, encodeReceipt(sampleReceipt(signerId, 1))) },
  ofAdvisory('an advisory that expires before it is issued', 'timeReversed',    { ...sampleAdvisory(1), expiresMs: 5 }),
  ofAdvisory('an advisory without a readable id',            'fieldLimit',      { ...sampleAdvisory(1), advisoryId: 'a b' }),
  { ...ofAdvisory('an advisory of another sector',           'topicMismatch',   sampleAdvisory(1)), bytes: signMessage(hub, advisoryTopic('water'), encodeHubMessage({ ...sampleAdvisory(1), sector: 'energy' })) },
  { ...ofAdvisory('an advisory of five kilobytes',           'tooLarge',        sampleAdvisory(1)), layer: 'encoding', bytes: signDeflated(hub, advisoryTopic('water'), deflateRawSync(sampleBytes('noise', 5000))) },
  { ...ofAdvisory('an advisory on the topic of another sector', 'signatureInvalid', sampleAdvisory(1)), layer: 'signature', topic: advisoryTopic('energy') },
];

function ofAgent(name: string, reason: string, message: AgentMessage): InvalidCase {
  const topic = streamTopic(signerId, message.stream);
  return { name, layer: 'rule', reason, topic, signer: agent, bytes: sealed(message, topic) };
}

function ofRequest(name: string, reason: string, message: HubRequest): InvalidCase {
  const bytes = signMessage(hub, requests, encodeHubMessage(message));
  return { name, layer: 'rule', reason, topic: requests, signer: hub, bytes };
}

function ofAdvisory(name: string, reason: string, message: Advisory): InvalidCase {
  const topic = advisoryTopic(message.sector);
  const bytes = signMessage(hub, topic, encodeHubMessage(message));
  return { name, layer: 'rule', reason, topic, signer: hub, bytes };
}

/** The pcap of a sample with a byte string of 49,153 bytes in place of its own. */
function longEvidence(): Uint8Array {
  const payload = hexOfBytes(encodeAgentMessage({ ...sampleEvidence(signerId, 221) }));
  const pcap = hexOfBytes(sampleEvidence(signerId, 221).pcap);
  return bytesOfHex(payload.replace(`5840${pcap}`, `59c001${'00'.repeat(49_153)}`));
}

function signature(name: string, bytes: Uint8Array, reason: string): InvalidCase {
  return { name, layer: 'signature', reason, topic: summaries, signer: agent, bytes };
}

/** `payload`: broken CBOR, signed as it is. */
function encoding(name: string, reason: string, payload: Uint8Array): InvalidCase {
  const bytes = signMessage(agent, summaries, payload);
  return { name, layer: 'encoding', reason, topic: summaries, signer: agent, bytes };
}

/** `bytes`: an envelope, or CBOR (a map) still to be signed. */
function rule(name: string, reason: string, bytes: Uint8Array): InvalidCase {
  const whole = bytes[0] === 0xd2 ? bytes : signMessage(agent, summaries, bytes);
  return { name, layer: 'rule', reason, topic: summaries, signer: agent, bytes: whole };
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] ^= 1;
  return copy;
}

function concat(...hex: readonly string[]): Uint8Array {
  return bytesOfHex(hex.join(''));
}

interface Edit {
  /** Added to the number of pairs in the outer map. */
  readonly count: number;
  readonly append?: string;
  /** Bytes taken from the end. */
  readonly cut?: number;
}

function edited(map: Uint8Array, { count, append = '', cut = 0 }: Edit): Uint8Array {
  const body = hexOfBytes(map.subarray(1, map.length - cut));
  return concat((map[0] + count).toString(16), body, append);
}

/** Once, at its only place. */
function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const parts = hexOfBytes(bytes).split(from);
  if (parts.length !== 2) throw new RangeError(`"${from}" is there ${parts.length - 1} times`);
  return concat(parts.join(to));
}

/** The last two pairs of `epochBegins` are `09 0c` and `0a 00`. */
function swapLastPairs(map: Uint8Array): Uint8Array {
  return replaced(map, '090c0a00', '0a00090c');
}

/** Head and first bytes of the payload, enough to find its place. */
function payloadHead(envelope: Uint8Array): string {
  const hex = hexOfBytes(envelope);
  const at = hex.indexOf('a058', 60);
  return hex.slice(at + 2, at + 12);
}

function kidOf({ signerId, keyNumber }: Signer): Uint8Array {
  return new TextEncoder().encode(`${signerId}/${keyNumber}`);
}

function withHeader(
  signer: Signer,
  topic: string,
  payload: Uint8Array,
  header: ReadonlyMap<number, WireValue>,
): Uint8Array {
  const protectedHeader = encodeCbor(header);
  const deflated = deflateRawSync(payload);
  return encodeEnvelope(
    protectedHeader,
    deflated,
    signer.sign(toBeSigned(protectedHeader, topic, deflated)),
  );
}

function withHighS(envelope: Uint8Array): Uint8Array {
  const s = BigInt(`0x${hexOfBytes(envelope.subarray(-32))}`);
  const high = (P256_ORDER - s).toString(16).padStart(64, '0');
  return concat(hexOfBytes(envelope.subarray(0, -32)), high);
}

/** The client of the one conversation as text "10.0.0.5" where four bytes say it. */
function addressAsText(): Uint8Array {
  const payload = encodeAgentMessage(sampleSummary(signerId, 109));
  return replaced(payload, '440a000005', '6831302e302e302e35');
}
