/**
 * The enrolled agents: one JSON file each in a folder, named by agentId, read when a message of
 * that agent arrives and again when the file changes. Enrolment and revocation need no restart.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../agent/platform/clock.ts';
import type { Log } from '../agent/platform/log.ts';
import { agentIdOf, isAgentId } from '../protocols/uplink/agent-id.ts';
import {
  type KeyId,
  type VerificationKey,
  verificationKey,
} from '../protocols/uplink/signature.ts';

/** Agents kept in memory; the one read longest ago makes room. */
export const AGENTS_CACHED_MAX = 50_000;
/** A changed file counts after at most so long. */
const FRESH_MS = 1000;
const FILE_BYTES_MAX = 64 * 1024;
const FIRST_KEY_NUMBER = 1;

const keyFacts = {
  keyNumber: z.int().min(1).max(999_999_999).default(FIRST_KEY_NUMBER),
  algorithm: z.enum(['Ed25519', 'ES256']).default('Ed25519'),
  publicKeyHex: z.string().regex(/^([0-9a-f]{64}|[0-9a-f]{130})$/),
};

const agentSchema = z.strictObject({
  agentId: z.string().refine(isAgentId),
  ...keyFacts,
  siteName: z.string().max(256).optional(),
  sector: z.string().max(32).optional(),
  revoked: z.boolean().default(false),
  /** Keys after rotation, beside the first. */
  furtherKeys: z
    .array(z.strictObject({ ...keyFacts, revoked: z.boolean().default(false) }))
    .max(16)
    .default([]),
});

export type AgentLookup =
  | { readonly kind: 'known'; readonly key: VerificationKey }
  | { readonly kind: 'unknown' | 'revoked' };

interface Entry {
  checkedAtMs: number;
  modifiedAtMs: number;
  sizeBytes: number;
  keys: ReadonlyMap<number, AgentLookup>;
}

const UNKNOWN: AgentLookup = { kind: 'unknown' };
const REVOKED: AgentLookup = { kind: 'revoked' };

export class AgentRegistry {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #entries = new Map<string, Entry>();

  constructor(folder: string, clock: Clock, log: Log) {
    this.#folder = folder;
    this.#clock = clock;
    this.#log = log;
  }

  /** `keyId` comes from an unverified header; its spelling is checked before it names a file. */
  lookup(keyId: KeyId): AgentLookup {
    if (!isAgentId(keyId.signerId)) return UNKNOWN;
    return this.#entry(keyId.signerId)?.keys.get(keyId.keyNumber) ?? UNKNOWN;
  }

  /** Whether any key of this agent is good: who may ask for its receipts. */
  isEnrolled(agentId: string): boolean {
    if (!isAgentId(agentId)) return false;
    const keys = this.#entry(agentId)?.keys;
    return keys !== undefined && [...keys.values()].some(({ kind }) => kind === 'known');
  }

  #entry(agentId: string): Entry | undefined {
    const nowMs = this.#clock.monotonicMs();
    const cached = this.#entries.get(agentId);
    if (cached !== undefined && nowMs - cached.checkedAtMs < FRESH_MS) return cached;
    const path = join(this.#folder, `${agentId}.json`);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined || stat.size > FILE_BYTES_MAX) {
      this.#entries.delete(agentId);
      return undefined;
    }
    if (cached?.modifiedAtMs === stat.mtimeMs && cached.sizeBytes === stat.size) {
      cached.checkedAtMs = nowMs;
      return cached;
    }
    const keys = this.#read(agentId, path);
    const entry = { checkedAtMs: nowMs, modifiedAtMs: stat.mtimeMs, sizeBytes: stat.size, keys };
    this.#entries.delete(agentId);
    this.#makeRoom();
    this.#entries.set(agentId, entry);
    return entry;
  }

  #makeRoom(): void {
    if (this.#entries.size < AGENTS_CACHED_MAX) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }

  /** A file that can't be used enrols nobody, and says so once for each change of it. */
  #read(agentId: string, path: string): ReadonlyMap<number, AgentLookup> {
    const keys = new Map<number, AgentLookup>();
    try {
      const facts = agentSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
      if (facts.agentId !== agentId) throw new Error(`it names the agent ${facts.agentId}`);
      for (const key of [facts, ...facts.furtherKeys]) {
        keys.set(key.keyNumber, key.revoked || facts.revoked ? REVOKED : known(key, agentId));
      }
    } catch (error) {
      this.#log.error(
        { agentId, path, cause: error instanceof Error ? error.message : String(error) },
        'HUB_AGENT_FILE_INVALID: this agent is not enrolled until its file is mended',
      );
    }
    return keys;
  }
}

function known(
  facts: { keyNumber: number; algorithm: 'Ed25519' | 'ES256'; publicKeyHex: string },
  agentId: string,
): AgentLookup {
  const raw = Buffer.from(facts.publicKeyHex, 'hex');
  const key = verificationKey(facts.algorithm, raw);
  if (key === undefined) throw new Error(`publicKeyHex is no key of ${facts.algorithm}`);
  const isFirst = facts.keyNumber === FIRST_KEY_NUMBER && facts.algorithm === 'Ed25519';
  if (isFirst && agentIdOf(raw) !== agentId) {
    throw new Error(`publicKeyHex belongs to the agent ${agentIdOf(raw)}`);
  }
  return { kind: 'known', key };
}
