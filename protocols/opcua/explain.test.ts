/** Chunks of OPC UA, field by field; secrets keep their place and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { coverFault, type ExplainedField, hexOfField } from '../explain.ts';
import { type ChunkPart, explainChunk, explainNoChunk } from './explain.ts';

const PASSWORD = 'QXJ9ZK4VW7YB';
const USER = 'UZ8Q3XW1K';
const NULL = 'ffffffff';
const REQUEST_HEADER = '0000 0000000000000000 01000000 00000000 ffffffff 10270000 000000';
const digest = { pseudonym: () => 'pseudonym', sha256: () => 'digest' };

const LOGIN =
  `0100d301 ${REQUEST_HEADER} ${NULL} ${NULL} 00000000 00000000 ` +
  `01004401 01 ${int32(4 + 1 + 4 + USER.length + 4 + PASSWORD.length + 4)} ` +
  `${text('p')} ${text(USER)} ${text(PASSWORD)} ${NULL} ${NULL} ${NULL}`;
const READ =
  `01007702 ${REQUEST_HEADER} 0000000000000000 02000000 01000000 ` +
  `03 0200 ${text('Pump1.Speed')} 0d000000 ${NULL} 0000 ${NULL}`;

// biome-ignore format: one case per line
const cases = [
  { name: 'HEL', chunk: message('HELF', `00000000 00000100 00000100 00000000 00000000 ${text('opc.tcp://plc')}`), title: 'HEL F', holds: ['receiveBufferSizeBytes=65536', 'endpointUrl=opc.tcp://plc'] },
  { name: 'ACK', chunk: message('ACKF', '00000000 00000100 00000100 00000000 00000000'), title: 'ACK F', holds: ['maxChunkCount=0'] },
  { name: 'ERR', chunk: message('ERRF', `00007d80 ${text('too many')}`), title: 'ERR F', holds: ['error=BadTcpServerTooBusy', 'reason=too many'] },
  { name: 'OPN', chunk: message('OPNF', `07000000 ${text('http://opcfoundation.org/UA/SecurityPolicy#None')} ${NULL} ${NULL} 01000000 02000000 0100be01 ${REQUEST_HEADER} 00000000 00000000 01000000 ${NULL} 80ee3600`), title: 'OPN F, OpenSecureChannel request', holds: ['secureChannelId=7', 'securityPolicyUri=http://opcfoundation.org/UA/SecurityPolicy#None', 'requestId=2', 'securityMode=None'] },
  { name: 'Read', chunk: secured('MSGF', READ), title: 'MSG F, Read request', holds: ['typeId=i=631 (Read)', 'arrayLength=1', 'nodeId=ns=2;s=Pump1.Speed', 'maxAgeMs=0'] },
  { name: 'ActivateSession', chunk: secured('MSGF', LOGIN), title: 'MSG F, ActivateSession request', holds: ['userName=(userName, 9 bytes, not shown)', 'password=(password, 12 bytes, not shown)', 'policyId=p'] },
  { name: 'an abort', chunk: secured('MSGA', `00007e80 ${text('gave up')}`), title: 'MSG A, aborted', holds: ['reason=gave up'] },
  { name: 'an unknown service', chunk: secured('MSGF', '01000100 aabb'), title: 'MSG F, unknown service 1', holds: ['notDecoded=(unknown service: it may hold a secret, 2 bytes, not shown)'] },
  { name: 'bytes behind a body', chunk: secured('MSGF', `${READ} beef`), title: 'MSG F, Read request', holds: ['bytesAfterBody='] },
] as const;

for (const { name, chunk, title, holds } of cases) {
  test(`explain ${name}`, () => {
    const field = explainChunk(partOf(chunk));
    assert.equal(coverFault([field], 54, 54 + chunk.length), undefined);
    assert.equal(field.value, title);
    const leaves = leavesOf([field]).map((leaf) => `${leaf.name}=${leaf.value}`);
    for (const held of holds) assert.ok(leaves.includes(held), `${held} in ${leaves.join(' | ')}`);
  });
}

test('a login cut anywhere, in one chunk or two, shows neither name nor password', () => {
  const chunk = secured('MSGF', LOGIN);
  for (let cut = 1; cut < chunk.length; cut++) {
    const head = { ...partOf(chunk), to: cut, knownBytes: cut };
    checkSecret(explainChunk(head), chunk, 0);
    checkSecret(explainChunk({ ...partOf(chunk), from: cut }), chunk, cut);
  }
  const body = hex(LOGIN);
  for (let cut = 1; cut < body.length; cut += 3) {
    const before = body.subarray(0, cut);
    const second = securedBytes('MSGF', body.subarray(cut));
    checkSecret(explainChunk({ ...partOf(second), bodyBefore: before }), second, 0);
    checkSecret(explainChunk({ ...partOf(second), bodyBefore: undefined }), second, 0);
    checkSecret(
      explainChunk(partOf(securedBytes('MSGC', before))),
      securedBytes('MSGC', before),
      0,
    );
  }
});

test('what can not be read, or has no place, shows no byte', () => {
  const chunk = secured('MSGF', LOGIN);
  for (const isReadable of [false, undefined]) {
    const field = explainChunk({ ...partOf(chunk), isReadable });
    checkSecret(field, chunk, 0);
    assert.equal(coverFault([field], 54, 54 + chunk.length), undefined);
  }
  const field = explainNoChunk(0, chunk.length);
  assert.match(hexOfField(leavesOf([field])[0], chunk), /^\*\* \*\*/);
});

test('an authentication token is not shown where a body breaks off in it, or is unknown', () => {
  const token = `05 0100 ${text(PASSWORD)}`;
  const header = REQUEST_HEADER.replace('0000', token);
  for (const typeId of ['01007702', '0100d101', '01009f02']) {
    const body = hex(`${typeId} ${header} 0000000000000000 02000000 00000000`);
    for (let cut = 4; cut <= body.length; cut++) {
      const chunk = securedBytes('MSGF', body.subarray(0, cut));
      checkSecret(explainChunk(partOf(chunk)), chunk, 0);
    }
  }
});

test('a login that breaks off at a wrong length shows nothing behind it', () => {
  const broken = `0100d301 ${REQUEST_HEADER} ${NULL} ${NULL} ffffff7f ${text(USER)} ${text(PASSWORD)}`;
  const chunk = secured('MSGF', broken);
  checkSecret(explainChunk(partOf(chunk)), chunk, 0);
});

test('a signature is not part of the body', () => {
  const chunk = secured('MSGF', `${READ}${'aa'.repeat(32)}`);
  const field = explainChunk({ ...partOf(chunk), signatureBytes: 32 });
  const last = leavesOf([field]).at(-1);
  assert.equal(last?.value, '(signature, 32 bytes, not shown)');
});

test('any bytes, any part: an exact cover', () => {
  const chunks = cases.map(({ chunk }) => chunk);
  const any = fc.uint8Array({ maxLength: 80 });
  fc.assert(
    fc.property(
      fc.constantFrom(...chunks),
      any,
      fc.nat(),
      fc.nat(),
      fc.nat(),
      (chunk, tail, a, b, c) => {
        const bytes = Uint8Array.from([
          ...chunk.subarray(0, 8 + (a % (chunk.length - 7))),
          ...tail,
        ]);
        const to = 1 + (b % bytes.length);
        const from = c % to;
        const part = { ...partOf(bytes), from, to, knownBytes: Math.max(8, to - (c % 3)) };
        for (const chunkBytes of [to, bytes.length + 9, 0]) {
          for (const bodyBefore of [new Uint8Array(0), tail, undefined]) {
            const field = explainChunk({ ...part, chunkBytes, bodyBefore, signatureBytes: a % 40 });
            assert.equal(coverFault([field], 54, 54 + to - from), undefined);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

function partOf(bytes: Uint8Array): ChunkPart {
  return {
    bytes,
    from: 0,
    to: bytes.length,
    knownBytes: bytes.length,
    frameOffset: 54,
    chunkBytes: bytes.length,
    bodyBefore: new Uint8Array(0),
    isReadable: true,
    signatureBytes: 0,
    digest,
  };
}

/** No three letters of a secret in any value, and none of its bytes in hexadecimal. */
function checkSecret(field: ExplainedField, chunk: Uint8Array, from: number): void {
  const frame = new Uint8Array(54 + chunk.length);
  frame.set(chunk.subarray(from), 54);
  for (const leaf of leavesOf([field])) {
    const shown = hexOfField(leaf, frame).replaceAll(' ', '');
    for (const secret of [PASSWORD, USER]) {
      for (let at = 0; at + 3 <= secret.length; at++) {
        const part = secret.slice(at, at + 3);
        assert.ok(!leaf.value.includes(part), `${part} in ${leaf.name}=${leaf.value}`);
        assert.ok(!shown.includes(Buffer.from(part).toString('hex')), `${part} in ${leaf.name}`);
      }
    }
  }
}

function leavesOf(fields: readonly ExplainedField[]): ExplainedField[] {
  return fields.flatMap((field) => (field.children ? leavesOf(field.children) : [field]));
}

function message(type: string, rest: string): Uint8Array {
  const body = hex(rest);
  return Uint8Array.from([...Buffer.from(type), ...hex(int32(body.length + 8)), ...body]);
}

function secured(type: string, body: string): Uint8Array {
  return message(type, `07000000 01000000 33000000 09000000 ${body}`);
}

function securedBytes(type: string, body: Uint8Array): Uint8Array {
  return secured(type, Buffer.from(body).toString('hex'));
}

function int32(value: number): string {
  return Buffer.from([value, value >> 8, value >> 16, value >> 24]).toString('hex');
}

function text(value: string): string {
  return int32(value.length) + Buffer.from(value).toString('hex');
}

function hex(value: string): Uint8Array {
  return Uint8Array.from(Buffer.from(value.replaceAll(' ', ''), 'hex'));
}
