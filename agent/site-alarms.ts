/**
 * Alarms to the site's own log servers: detections and advisories become lines of syslog. Nothing
 * is executed, and a server that is away costs a counter.
 */
import { hostname } from 'node:os';
import type { DetectionChange } from '../protocols/interval-report.ts';
import type { Config } from './config.ts';
import type { Clock } from './platform/clock.ts';
import type { Syslog, SyslogState } from './platform/syslog.ts';
import type { AdvisoryView } from './uplink/advisory-desk.ts';
import { PROGRAM_VERSION } from './version.ts';

/** Loaded only where the configuration names a server. */
export async function openAlarms(
  targets: Config['diagnostics']['syslog'],
  clock: Clock,
): Promise<SiteAlarms | undefined> {
  if (targets.length === 0) return undefined;
  const { Syslog } = await import('./platform/syslog.ts');
  const origin = {
    hostName: hostname(),
    processId: process.pid,
    programVersion: PROGRAM_VERSION,
  };
  return new SiteAlarms(new Syslog(targets, origin, clock), clock);
}

export class SiteAlarms {
  readonly #syslog: Syslog;
  readonly #clock: Clock;

  constructor(syslog: Syslog, clock: Clock) {
    this.#syslog = syslog;
    this.#clock = clock;
  }

  detections(changes: readonly DetectionChange[]): void {
    for (const { detection } of changes) {
      const { code, severity, title, explanation, remedy, client, server, unitId } = detection;
      const { occurrencesCount, techniques, detectionId, lastSeenUs } = detection;
      this.#syslog.tell({
        kind: 'detection',
        timeMs: lastSeenUs / 1000,
        severity,
        code,
        title,
        text: `${explanation} ${remedy}`,
        ...(client !== undefined && { client }),
        ...(server !== undefined && { server }),
        ...(unitId !== undefined && { unitId }),
        id: detectionId,
        occurrencesCount,
        techniques,
      });
    }
  }

  advisory({ advisoryId, revision, headline, advice, applicability }: AdvisoryView): void {
    const isHere = applicability === 'seenHere';
    this.#syslog.tell({
      kind: 'advisory',
      timeMs: this.#clock.wallMs(),
      severity: isHere ? 'high' : 'low',
      code: advisoryId,
      title: isHere ? `Seen here: ${headline}` : headline,
      text: advice,
      id: `${advisoryId}/${revision}`,
    });
  }

  status(): readonly SyslogState[] {
    return this.#syslog.status();
  }

  close(): void {
    this.#syslog.close();
  }
}
