/** What doctor finds in the folder of uplink.credentials: what is missing, until when it holds. */
import { X509Certificate } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnrolmentFacts } from '../diagnostics/doctor-facts.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import {
  AGENT_FACTS_FILE,
  AGENT_KEY_FILE,
  loadReceiptKey,
  RECEIPT_KEY_FILE,
  TLS_FILES,
} from '../uplink/credentials.ts';

const FILE_CHARACTERS_MAX = 4096;

/** Undefined where this user may not look into the folder: that is no fault of the enrolment. */
export function enrolmentFacts(folder: string, broker: string): EnrolmentFacts | undefined {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing) return { folder, hasAgentKey: false, missing: [RECEIPT_KEY_FILE] };
    return undefined;
  }
  const needed = [
    RECEIPT_KEY_FILE,
    ...(broker.startsWith('mqtts:') ? Object.values(TLS_FILES) : []),
  ];
  const agentId = agentIdIn(folder);
  const certificate = certificateIn(join(folder, TLS_FILES.certificate));
  const unusable = unusableIn(folder);
  return {
    folder,
    hasAgentKey: existsSync(join(folder, AGENT_KEY_FILE)),
    missing: needed.filter((file) => !existsSync(join(folder, file))),
    ...(unusable !== undefined && { unusable }),
    ...(agentId !== undefined && { agentId }),
    ...(certificate && { certificate }),
  };
}

function unusableIn(folder: string): string | undefined {
  const certificate = join(folder, TLS_FILES.certificate);
  try {
    if (existsSync(join(folder, RECEIPT_KEY_FILE))) loadReceiptKey(folder);
    if (existsSync(certificate)) new X509Certificate(readFileSync(certificate));
    return undefined;
  } catch (error) {
    if (error instanceof OperatorFault) return error.problem;
    return `"${certificate}" is no certificate (${String(error)}).`;
  }
}

function agentIdIn(folder: string): string | undefined {
  try {
    const text = readFileSync(join(folder, AGENT_FACTS_FILE), 'utf8').slice(0, FILE_CHARACTERS_MAX);
    const facts: unknown = JSON.parse(text);
    if (typeof facts !== 'object' || facts === null || !('agentId' in facts)) return undefined;
    return typeof facts.agentId === 'string' ? facts.agentId : undefined;
  } catch {
    return undefined;
  }
}

function certificateIn(path: string): EnrolmentFacts['certificate'] {
  try {
    const { subject, validFrom, validTo } = new X509Certificate(readFileSync(path));
    const commonName = /^CN=(.*)$/m.exec(subject)?.[1];
    return {
      notBeforeMs: Date.parse(validFrom),
      notAfterMs: Date.parse(validTo),
      ...(commonName !== undefined && { commonName }),
    };
  } catch {
    return undefined;
  }
}
