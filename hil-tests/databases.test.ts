/** The count from outside sees what it is there to see: it would be no proof otherwise. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { type Account, compareDatabases } from './databases.ts';

const SIGNED = 4;
const ZERO = new Uint8Array(32);

// biome-ignore format: one case per line
const cases = [
  { name: 'a good pair has no fault', agent: '', hub: '', fault: undefined },
  { name: 'a message that waits is not lost', agent: 'INSERT INTO outbox VALUES (1, 2, 4)', hub: 'DELETE FROM message_key WHERE sequence = 4; DELETE FROM message_body WHERE sequence = 4', fault: undefined },
  { name: 'a message that is nowhere is lost', agent: '', hub: 'DELETE FROM message_key WHERE sequence = 2; DELETE FROM message_body WHERE sequence = 2', fault: /sequence 2 was signed and is lost/ },
  { name: 'a key without its body', agent: '', hub: 'DELETE FROM message_body WHERE sequence = 2', fault: /sequence 2 has a key and no body/ },
  { name: 'a body that was changed', agent: '', hub: "UPDATE message_body SET bytes = x'00' WHERE sequence = 3", fault: /sequence 3: the hash of the body/ },
  { name: 'a chain that was cut', agent: '', hub: 'UPDATE message_body SET previousSha256 = zeroblob(32) WHERE sequence = 3', fault: /sequence 3 does not follow sequence 2/ },
  { name: 'a sequence that nobody signed', agent: 'UPDATE stream_head SET lastSequence = 3', hub: '', fault: /1\/2\/4 was never signed/ },
  { name: 'another last message than the agent signed', agent: 'UPDATE stream_head SET lastSha256 = zeroblob(32)', hub: '', fault: /the last message is another one/ },
  { name: 'one message under two sequences', agent: '', hub: 'UPDATE message_key SET sha256 = (SELECT sha256 FROM message_key WHERE sequence = 1) WHERE sequence = 2', fault: /1\/2\/2 is stored twice/ },
] as const;

for (const { name, agent, hub, fault } of cases) {
  test(name, () => {
    const { faults } = account(agent, hub);
    if (fault === undefined) assert.deepEqual(faults, []);
    else assert.match(faults.join('\n'), fault);
  });
}

test('the figures', () => {
  const { signed, stored, storedByKind, waiting, epochs } = account('', '');
  const figures = { signed, stored, storedByKind, waiting, epochs };
  const expected = { signed: SIGNED, stored: SIGNED, storedByKind: { summary: SIGNED } };
  assert.deepEqual(figures, { ...expected, waiting: 0, epochs: 1 });
});

function account(agentChange: string, hubChange: string): Account {
  const agent = new Database(':memory:');
  const hub = new Database(':memory:');
  agent.exec(`CREATE TABLE stream_head (epoch, stream, lastSequence, lastSha256);
    CREATE TABLE outbox (epoch, stream, sequence)`);
  hub.exec(`CREATE TABLE message_key (agentId, epoch, stream, sequence, sha256);
    CREATE TABLE message_body (agentId, epoch, stream, sequence, kind, previousSha256, bytes)`);
  let previous: Uint8Array = ZERO;
  for (let sequence = 1; sequence <= SIGNED; sequence++) {
    const bytes = Buffer.from(`message ${sequence}`);
    const sha256 = createHash('sha256').update(bytes).digest();
    hub.prepare("INSERT INTO message_key VALUES ('a', 1, 2, ?, ?)").run(sequence, sha256);
    hub
      .prepare("INSERT INTO message_body VALUES ('a', 1, 2, ?, 'summary', ?, ?)")
      .run(sequence, previous, bytes);
    previous = sha256;
  }
  agent.prepare('INSERT INTO stream_head VALUES (1, 2, ?, ?)').run(SIGNED, previous);
  agent.exec(agentChange);
  hub.exec(hubChange);
  return compareDatabases(
    <Row>(sql: string) => agent.prepare<[], Row>(sql).all(),
    <Row>(sql: string) => hub.prepare<[], Row>(sql).all(),
  );
}
