/**
 * The schema of the buffer, forward only: each step runs once, in a transaction of its own, and is
 * never edited after a release. `user_version` holds the number of the last step that ran.
 */
import type { Database } from 'better-sqlite3';
import { newerSchemaFault } from './buffer-fault.ts';
import { pragmaNumber } from './prepared.ts';

const MIGRATIONS: readonly string[] = [
  // 1: first form. `id` of a message is its place (message-id.ts): the table is sorted by stream,
  // epoch and sequence without an index beside it, which more than halves what a commit writes.
  `
  CREATE TABLE epoch (
    ordinal INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL UNIQUE,
    agentId TEXT,
    reason TEXT NOT NULL CHECK (reason IN ('new', 'quarantined', 'restored', 'factoryReset')),
    previousEpoch INTEGER,
    beganMs INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE stream_head (
    epoch INTEGER NOT NULL REFERENCES epoch (epoch),
    stream INTEGER NOT NULL CHECK (stream BETWEEN 1 AND 3),
    lastSequence INTEGER NOT NULL,
    lastSha256 BLOB NOT NULL CHECK (length(lastSha256) = 32),
    previousSequence INTEGER,
    previousSha256 BLOB,
    pendingMessages INTEGER NOT NULL DEFAULT 0,
    pendingBytes INTEGER NOT NULL DEFAULT 0,
    refusedMessages INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (epoch, stream)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    createdMs INTEGER NOT NULL,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    message BLOB NOT NULL
  ) STRICT;

  CREATE TABLE refused (
    id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    createdMs INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    message BLOB NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;

  CREATE TABLE stored_hash (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL
  ) STRICT;

  CREATE TABLE receipt (
    epoch INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    hubEpoch INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    cumulative INTEGER NOT NULL,
    cumulativeSha256 BLOB NOT NULL,
    hubTimeMs INTEGER NOT NULL,
    appliedMs INTEGER NOT NULL,
    PRIMARY KEY (epoch, stream)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE hub_epoch (
    ordinal INTEGER PRIMARY KEY,
    hubEpoch INTEGER NOT NULL UNIQUE,
    firstSeenMs INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE observation_block (
    id INTEGER PRIMARY KEY,
    fromUs INTEGER NOT NULL,
    toUs INTEGER NOT NULL,
    count INTEGER NOT NULL,
    total INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;

  CREATE TABLE detection (
    id INTEGER PRIMARY KEY,
    detectionId TEXT NOT NULL UNIQUE,
    code TEXT NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('raised', 'acknowledged', 'closed')),
    firstSeenUs INTEGER NOT NULL,
    lastSeenUs INTEGER NOT NULL,
    occurrencesCount INTEGER NOT NULL,
    alertDue TEXT CHECK (alertDue IN ('raised', 'repeated')),
    alertedUs INTEGER,
    crc32 INTEGER NOT NULL,
    body BLOB NOT NULL,
    frames BLOB
  ) STRICT;
  CREATE INDEX detection_alert_due ON detection (id) WHERE alertDue IS NOT NULL;
  CREATE INDEX detection_last_seen ON detection (lastSeenUs);

  CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // 2: frames of a case in packed blocks with a checksum of their own (schema 1 kept them unpacked
  // in `detection.frames`, where they stay), the words about losses, wear, and salvage.
  `
  CREATE TABLE evidence_block (
    id INTEGER PRIMARY KEY,
    detectionId TEXT NOT NULL UNIQUE,
    recordedUs INTEGER NOT NULL,
    framesCount INTEGER NOT NULL,
    framesBytes INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;

  CREATE TABLE tombstone (
    id INTEGER PRIMARY KEY,
    epochOf INTEGER NOT NULL,
    firstSequence INTEGER NOT NULL,
    lastSequence INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE loss (
    id INTEGER PRIMARY KEY,
    recordedMs INTEGER NOT NULL,
    fromUs INTEGER,
    toUs INTEGER,
    epochOf INTEGER,
    streamOf INTEGER,
    firstSequence INTEGER,
    lastSequence INTEGER,
    count INTEGER,
    text TEXT NOT NULL,
    toldAs INTEGER
  ) STRICT;
  CREATE INDEX loss_due ON loss (id) WHERE toldAs IS NULL;

  CREATE TABLE wear (
    day INTEGER PRIMARY KEY,
    bytes INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE salvage (
    path TEXT PRIMARY KEY,
    setAsideMs INTEGER NOT NULL,
    outcome TEXT
  ) STRICT;

  ALTER TABLE stream_head ADD COLUMN crc32 INTEGER;
  ALTER TABLE receipt ADD COLUMN crc32 INTEGER;
  `,
  // 3: what is known of the plant (state-store.ts), and apart from it the engineer's words.
  `
  CREATE TABLE state (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (kind, key)
  ) STRICT;

  CREATE TABLE asset_note (
    assetId TEXT PRIMARY KEY,
    name TEXT,
    note TEXT,
    changedMs INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // 4: a hub that came back from an older copy claims less than it did (receipt-book.ts); what it
  // has lost is told like the other losses.
  `
  ALTER TABLE receipt ADD COLUMN claimedTo INTEGER;
  ALTER TABLE receipt ADD COLUMN claimedCount INTEGER;
  ALTER TABLE loss ADD COLUMN code TEXT;
  `,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** The number of the last step the file has seen; 0 for a new file. */
export function schemaVersionOf(database: Database): number {
  return pragmaNumber(database, 'user_version');
}

/** Throws BUFFER_SCHEMA_NEWER for a file that a newer version has written. */
export function refuseNewerSchema(database: Database, path: string): void {
  const found = schemaVersionOf(database);
  if (found > SCHEMA_VERSION) throw newerSchemaFault(path, found, SCHEMA_VERSION);
}

/**
 * Brings the file to SCHEMA_VERSION. A crash between two steps leaves a whole schema. `until`: an
 * earlier one, for templates and tests.
 */
export function migrate(database: Database, path: string, until = SCHEMA_VERSION): void {
  refuseNewerSchema(database, path);
  for (let step = schemaVersionOf(database); step < until; step++) {
    database.transaction(() => {
      database.exec(MIGRATIONS[step]);
      database.pragma(`user_version = ${step + 1}`);
    })();
  }
}
