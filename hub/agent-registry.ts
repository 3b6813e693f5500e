/**
 * The enrolled agents: one JSON file each in a folder, named by agentId, read when a message of
 * that agent arrives and again when the file changes. Enrolment and revocation need no restart.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
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
import { writeShared } from './shared-file.ts';
import type { AnnouncedKey } from './store.ts';
import type { TableUse } from './table-use.ts';

/** Agents kept in memory; the one read longest ago makes room. */
export const AGENTS_CACHED_MAX = 50_000;
/** A changed file counts after at most so long. */
const FRESH_MS = 1000;
/** For a key number that isn't in it: a flood of them costs 50 looks a second. */
const FRESH_FOR_NEW_KEY_MS = 20;
const FILE_BYTES_MAX = 64 * 1024;
const FIRST_KEY_NUMBER = 1;

const keyFacts = {
  keyNumber: z.int().min(1).max(999_999_999).default(FIRST_KEY_NUMBER),
  algorithm: z.enum(['Ed25519', 'ES256']).default('Ed25519'),
  publicKeyHex: z.string().regex(/^([0-9a-f]{64}|[0-9a-f]{130})$/),
};

/** Keys beside the first that one agent may have had. */
const FURTHER_KEYS_MAX = 16;

const agentSchema = z.strictObject({
  agentId: z.string().refine(isAgentId),
  ...keyFacts,
  siteName: z.string().max(256).optional(),
  sector: z.string().max(32).optional(),
  /** A replaced gateway's id: history of the site goes on under this one. */
  replaces: z.string().refine(isAgentId).optional(),
  enrolledAtMs: z.int().min(0).optional(),
  /** Issued to it, for the revocation list. */
  certificates: z
    .array(z.object({ serialHex: z.string().max(64), toMs: z.number() }))
    .max(64)
    .optional(),
  /** The last certificate that was renewed over the link, and for which key: given once more. */
  renewed: z
    .object({
      keySha256: z.string().length(64),
      certificate: z.string().max(16_384),
      toMs: z.number(),
    })
    .optional(),
  revoked: z.boolean().default(false),
  /** The first key alone; the agent goes on under a further one. */
  firstKeyRevoked: z.boolean().optional(),
  /** Keys after rotation, beside the first. */
  furtherKeys: z
    .array(z.strictObject({ ...keyFacts, revoked: z.boolean().default(false) }))
    .max(FURTHER_KEYS_MAX)
    .default([]),
});

/** What the file of an agent says. */
export type AgentFacts = z.infer<typeof agentSchema>;

export type AgentLookup =
  /** `revoked`: it still tells who has signed, and nothing that it signs is taken. */
  | { readonly kind: 'known' | 'revoked'; readonly key: VerificationKey }
  | { readonly kind: 'unknown' };

interface Entry {
  checkedAtMs: number;
  modifiedAtMs: number;
  sizeBytes: number;
  keys: ReadonlyMap<number, AgentLookup>;
}

const UNKNOWN: AgentLookup = { kind: 'unknown' };

export class AgentRegistry {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #entries = new Map<string, Entry>();
  #evicted = 0;

  constructor(folder: string, clock: Clock, log: Log) {
    this.#folder = folder;
    this.#clock = clock;
    this.#log = log;
  }

  /** `keyId` comes from an unverified header; its spelling is checked before it names a file. */
  lookup(keyId: KeyId): AgentLookup {
    if (!isAgentId(keyId.signerId)) return UNKNOWN;
    const known = this.#entry(keyId.signerId)?.keys.get(keyId.keyNumber);
    if (known !== undefined) return known;
    // It may have been announced a moment ago, to another worker or thread.
    return this.#entry(keyId.signerId, FRESH_FOR_NEW_KEY_MS)?.keys.get(keyId.keyNumber) ?? UNKNOWN;
  }

  get use(): TableUse {
    const { size: used } = this.#entries;
    return { table: 'agents', used, max: AGENTS_CACHED_MAX, evicted: this.#evicted };
  }

  /** Also a revoked key: what is stored was good when it came. */
  keyForHistory(keyId: KeyId): VerificationKey | undefined {
    if (!isAgentId(keyId.signerId)) return undefined;
    try {
      const facts = readAgentFile(this.#folder, keyId.signerId);
      const found = [facts, ...facts.furtherKeys].find(
        ({ keyNumber }) => keyNumber === keyId.keyNumber,
      );
      return found && verificationKey(found.algorithm, Buffer.from(found.publicKeyHex, 'hex'));
    } catch {
      return undefined;
    }
  }

  /** Whether any key of this agent is good: who may ask for its receipts. */
  isEnrolled(agentId: string): boolean {
    if (!isAgentId(agentId)) return false;
    const keys = this.#entry(agentId)?.keys;
    return keys !== undefined && [...keys.values()].some(({ kind }) => kind === 'known');
  }

  /** A key that the agent announced under its old one. What can't be written is logged. */
  addKey(agentId: string, { keyNumber, algorithm, publicKey }: AnnouncedKey): void {
    const publicKeyHex = Buffer.from(publicKey).toString('hex');
    try {
      editAgentFile(this.#folder, agentId, (facts) => {
        const isThere = [facts, ...facts.furtherKeys].some((key) => key.keyNumber === keyNumber);
        if (isThere || facts.furtherKeys.length >= FURTHER_KEYS_MAX) return facts;
        const key = { keyNumber, algorithm, publicKeyHex, revoked: false };
        return { ...facts, furtherKeys: [...facts.furtherKeys, key] };
      });
      this.#log.info({ agentId, keyNumber, algorithm }, 'HUB_AGENT_KEY_ADDED');
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      this.#log.error({ agentId, keyNumber, cause }, 'HUB_AGENT_KEY_NOT_ADDED');
    }
    this.#entries.delete(agentId);
  }

  #entry(agentId: string, freshMs = FRESH_MS): Entry | undefined {
    const nowMs = this.#clock.monotonicMs();
    const cached = this.#entries.get(agentId);
    if (cached !== undefined && nowMs - cached.checkedAtMs < freshMs) return cached;
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
    this.#evicted += 1;
  }

  /** A file that can't be used enrols nobody, and says so once for each change of it. */
  #read(agentId: string, path: string): ReadonlyMap<number, AgentLookup> {
    const keys = new Map<number, AgentLookup>();
    try {
      const facts = agentSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
      if (facts.agentId !== agentId) throw new Error(`it names the agent ${facts.agentId}`);
      for (const key of [facts, ...facts.furtherKeys]) {
        const isRevoked =
          facts.revoked || (key === facts ? facts.firstKeyRevoked === true : key.revoked);
        const { key: verifies } = known(key, agentId);
        keys.set(key.keyNumber, { kind: isRevoked ? 'revoked' : 'known', key: verifies });
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
): { readonly key: VerificationKey } {
  const raw = Buffer.from(facts.publicKeyHex, 'hex');
  const key = verificationKey(facts.algorithm, raw);
  if (key === undefined) throw new Error(`publicKeyHex is no key of ${facts.algorithm}`);
  const isFirst = facts.keyNumber === FIRST_KEY_NUMBER && facts.algorithm === 'Ed25519';
  if (isFirst && agentIdOf(raw) !== agentId) {
    throw new Error(`publicKeyHex belongs to the agent ${agentIdOf(raw)}`);
  }
  return { key };
}

/** Throws for a file that isn't there or isn't ours. */
export function readAgentFile(folder: string, agentId: string): AgentFacts {
  return agentSchema.parse(JSON.parse(readFileSync(join(folder, `${agentId}.json`), 'utf8')));
}

export function writeAgentFile(folder: string, facts: AgentFacts): void {
  const path = join(folder, `${facts.agentId}.json`);
  writeShared(path, `${JSON.stringify(facts, undefined, 2)}\n`, 0o644);
}

/** Reads, changes and writes the file of an agent; a power cut leaves the old or the new one. */
export function editAgentFile(
  folder: string,
  agentId: string,
  edit: (facts: AgentFacts) => AgentFacts,
): AgentFacts {
  const facts = edit(readAgentFile(folder, agentId));
  writeAgentFile(folder, facts);
  return facts;
}

/** Every enrolled agent whose file can be read. */
export function listAgents(folder: string): AgentFacts[] {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names
    .filter((name) => name.endsWith('.json') && isAgentId(name.slice(0, -'.json'.length)))
    .flatMap((name) => {
      try {
        return [readAgentFile(folder, name.slice(0, -'.json'.length))];
      } catch {
        return [];
      }
    });
}
