/**
 * `fieldtap-hub enroll`: request files in, bundles out; one-time codes for a list of sites; and the
 * certificates that broker and hub need themselves.
 */
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SystemClock } from '../../agent/platform/clock.ts';
import { writeWhole } from '../../agent/platform/durable-file.ts';
import { OperatorFault } from '../../agent/platform/operator-fault.ts';
import { SystemRandom } from '../../agent/platform/random.ts';
import { escapeText } from '../../agent/platform/wire-text.ts';
import { ENROLMENT_BYTES_MAX } from '../../protocols/uplink/enrolment.ts';
import { loadHubConfig } from '../config.ts';
import { Enrolment } from '../enrol-agent.ts';
import { readSites } from '../enrolment-codes.ts';

const DAY_MS = 86_400_000;

export interface EnrollOptions {
  readonly config: string;
  readonly out: string;
  readonly broker?: string;
  readonly agent?: string;
  readonly replace: boolean;
  readonly sites?: string;
  readonly validDays: number;
  readonly brokerCertificate?: readonly string[];
  readonly hubCertificate?: string;
  readonly json: boolean;
}

/** Answers the exit code: 1 when any request was refused. Throws OperatorFault for one alone. */
export function enroll(requests: readonly string[], options: EnrollOptions): number {
  const config = loadHubConfig(options.config);
  const clock = new SystemClock();
  const random = new SystemRandom();
  const enrolment = new Enrolment(config, clock, random);
  mkdirSync(options.out, { recursive: true });
  const { brokerCertificate, hubCertificate, sites } = options;
  if (brokerCertificate !== undefined) {
    const files = enrolment.authority.issueFiles(
      options.out,
      'broker',
      'server',
      brokerCertificate,
    );
    say(options, { files }, files);
  }
  if (hubCertificate !== undefined) {
    const files = enrolment.authority.issueFiles(options.out, hubCertificate, 'client', []);
    say(options, { files }, files);
  }
  if (sites !== undefined) {
    const listed = readSites(sites);
    const expiresMs = clock.wallMs() + options.validDays * DAY_MS;
    const path = join(options.out, 'codes.csv');
    writeWhole(path, enrolment.codes.add(listed, expiresMs, random), 0o600);
    say(options, { codes: path, sites: listed.length }, [path]);
  }
  return enrolAll(enrolment, requests, options, options.broker ?? config.broker.url);
}

function enrolAll(
  enrolment: Enrolment,
  requests: readonly string[],
  options: EnrollOptions,
  broker: string,
): number {
  let refusedCount = 0;
  for (const path of requests) {
    try {
      const { agent: trustAgentId } = options;
      const { bundle, ...enrolled } = enrolment.enrol(readRequest(path), {
        mayReplace: options.replace,
        broker,
        ...(trustAgentId !== undefined && { trustAgentId }),
      });
      const file = join(options.out, `${enrolled.agentId}.bundle.json`);
      writeWhole(file, bundle, 0o644);
      say(options, { ...enrolled, file }, [`${enrolled.siteName} (${enrolled.how}): ${file}`]);
    } catch (error) {
      if (!(error instanceof OperatorFault) || requests.length === 1) throw error;
      refusedCount += 1;
      const { code, problem } = error;
      if (options.json) say(options, { file: path, code, problem }, []);
      else process.stderr.write(`${escapeText(`${basename(path)}: ${problem}`)} [${code}]\n`);
    }
  }
  return refusedCount > 0 ? 1 : 0;
}

function readRequest(path: string): string {
  try {
    if (statSync(path).size <= ENROLMENT_BYTES_MAX) return readFileSync(path, 'utf8');
    throw new Error('it is too large');
  } catch (cause) {
    throw new OperatorFault({
      code: 'HUB_ENROLMENT_REQUEST_UNREADABLE',
      problem: `The request "${path}" can't be read.`,
      remedy: 'Give the file that "fieldtap enroll" wrote on the gateway.',
      cause,
    });
  }
}

function say(options: EnrollOptions, facts: object, lines: readonly string[]): void {
  const text = options.json ? [JSON.stringify(facts)] : lines.map(escapeText);
  process.stdout.write(`${text.join('\n')}\n`);
}
