/**
 * The tables of hub.db and their forward-only, numbered steps. `message_key` is the contract: with
 * exactly these columns it is what makes a resend harmless, whatever becomes of the bodies.
 */
import type Database from 'better-sqlite3';
import { OperatorFault } from '../agent/platform/operator-fault.ts';

const STEPS: readonly string[] = [
  `
  CREATE TABLE message_key (
    agentId TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    PRIMARY KEY (agentId, epoch, stream, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE message_body (
    agentId TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    previousSha256 BLOB NOT NULL,
    signedAtMs INTEGER NOT NULL,
    receivedAtMs INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (agentId, epoch, stream, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE stream_state (
    agentId TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    cumulative INTEGER NOT NULL,
    cumulativeSha256 BLOB NOT NULL,
    lastReceivedAtMs INTEGER NOT NULL,
    PRIMARY KEY (agentId, epoch, stream)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE refused_message (
    agentId TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    reason TEXT NOT NULL,
    refusedAtMs INTEGER NOT NULL,
    PRIMARY KEY (agentId, epoch, stream, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE receipt_serial (
    agentId TEXT PRIMARY KEY,
    receiptSerial INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE finding (
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    agentId TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    detail TEXT NOT NULL,
    occurrencesCount INTEGER NOT NULL,
    firstSeenAtMs INTEGER NOT NULL,
    lastSeenAtMs INTEGER NOT NULL,
    closedAtMs INTEGER,
    PRIMARY KEY (agentId, kind, reason, epoch, stream, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE hub_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE INDEX message_body_alerts ON message_body (receivedAtMs) WHERE stream = 1;
  ALTER TABLE stream_state ADD COLUMN have BLOB NOT NULL DEFAULT x'';
  ALTER TABLE stream_state ADD COLUMN isComplete INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE tombstone (
    agentId TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    fromSequence INTEGER NOT NULL,
    toSequence INTEGER NOT NULL,
    PRIMARY KEY (agentId, epoch, stream, fromSequence, toSequence)
  ) STRICT, WITHOUT ROWID;
  `,
];

/** Brings a database to this version's tables; refuses one of a later version. */
export function migrateHub(database: Database.Database): void {
  const version = Number(database.pragma('user_version', { simple: true }));
  if (version > STEPS.length) {
    throw new OperatorFault({
      code: 'HUB_DATABASE_NEWER',
      problem: `The database "${database.name}" was written by a later version of the hub.`,
      remedy: 'Start that version again, or restore the database from before its upgrade.',
    });
  }
  for (let step = version; step < STEPS.length; step++) {
    database.transaction(() => {
      database.exec(STEPS[step]);
      database.pragma(`user_version = ${step + 1}`);
    })();
  }
}
