/**
 * The running agent: capture worker, buffer, uplink and control socket put together.
 * Disk before network: a report is in the buffer before the worker gets its credit back.
 */
import { lookup } from 'node:dns/promises';
import { dirname } from 'node:path';
import { SiteBuffer } from '../buffer/site-buffer.ts';
import type { IntervalReport } from '../protocols/interval-report.ts';
import { CaptureHost } from './capture-host.ts';
import { type Config, serialLineName } from './config.ts';
import { agentMetrics } from './diagnostics/agent-metrics.ts';
import type { AgentStatus, UplinkStatus } from './diagnostics/agent-status.ts';
import { ControlServer } from './diagnostics/control-server.ts';
import { RunningTotals } from './diagnostics/running-totals.ts';
import type { Clock } from './platform/clock.ts';
import { SiteDigest } from './platform/digest.ts';
import type { Log } from './platform/log.ts';
import { metricsText } from './platform/metrics.ts';
import type { OperatorFault } from './platform/operator-fault.ts';
import type { Random } from './platform/random.ts';
import { openSiteKey } from './site-key.ts';
import type { Uplink } from './uplink/uplink.ts';
import { PROGRAM_VERSION } from './version.ts';
import { FILE_INTERFACE, type InterfaceNotice, type WorkerSettings } from './worker-channel.ts';

const MIB = 2 ** 20;
/** A gateway without a name server must not start deaf. */
const LOOKUP_MS = 300;

export interface AgentSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export class Agent {
  readonly #config: Config;
  readonly #around: AgentSurroundings;
  readonly #startedAtMs: number;
  readonly #totals = new RunningTotals();
  readonly #siteKey: Uint8Array;
  readonly #buffer: SiteBuffer;
  readonly #control: ControlServer;
  #capture: CaptureHost | undefined;
  #uplink: Uplink | undefined;
  #agentId: string | undefined;

  private constructor(config: Config, around: AgentSurroundings) {
    this.#config = config;
    this.#around = around;
    this.#startedAtMs = around.clock.monotonicMs();
    this.#siteKey = openSiteKey(dirname(config.buffer.path), around.random);
    const { path, quotaMiB } = config.buffer;
    this.#buffer = SiteBuffer.open({ path, quotaMiB, ...around });
    this.#control = new ControlServer({
      status: () => this.status(),
      metrics: () => metricsText(agentMetrics(this.status())),
    });
  }

  /** Throws OperatorFault for what an operator has to mend before the agent can work. */
  static async start(config: Config, around: AgentSurroundings): Promise<Agent> {
    const agent = new Agent(config, around);
    try {
      await agent.#start();
      return agent;
    } catch (error) {
      await agent.stop();
      throw error;
    }
  }

  /** Last report, last summary, then the link and the disk; within two seconds. */
  async stop(): Promise<void> {
    await this.#capture?.stop();
    await this.#uplink?.stop();
    await this.#control.close();
    this.#buffer.close();
  }

  status(): AgentStatus {
    const { clock } = this.#around;
    const totals = this.#totals;
    const capture = this.#capture?.status();
    return {
      programVersion: PROGRAM_VERSION,
      ...(this.#agentId !== undefined && { agentId: this.#agentId }),
      siteName: this.#config.site.name,
      sharing: this.#config.site.sharing,
      uptimeSeconds: (clock.monotonicMs() - this.#startedAtMs) / 1000,
      residentBytes: process.memoryUsage.rss(),
      isCapturing: capture?.isCapturing ?? false,
      workerRestarts: capture?.workerRestarts ?? 0,
      ...(capture?.lastFault && { captureFault: capture.lastFault }),
      interfaces: this.#interfaceStatus(),
      traffic: totals.traffic,
      observations: totals.observations,
      observationsFolded: totals.observationsFolded,
      alertsRaised: totals.alertsRaised,
      alerts: totals.detections.map(({ detection }) => detection),
      tables: totals.tables,
      buffer: this.#bufferStatus(),
      ...(this.#uplink && { uplink: uplinkStatus(this.#uplink) }),
    };
  }

  async #start(): Promise<void> {
    const { diagnostics, uplink } = this.#config;
    await this.#control.listen(diagnostics.socket);
    if (diagnostics.metrics) await this.#control.listenMetrics(diagnostics.metrics.listen);
    if (diagnostics.page) {
      this.#around.log.warn({ event: 'pageMissing' }, 'the page is not in this version');
    }
    const settings = await workerSettings(this.#config, this.#siteKey, this.#around.clock);
    const sink = {
      report: (report: IntervalReport) => this.#report(report),
      interfaceState: (notice: InterfaceNotice) => this.#interfaceState(notice),
    };
    this.#capture = new CaptureHost(settings, sink, this.#around.clock, this.#around.log);
    // The plant doesn't wait: the worker loads while this thread loads MQTT. Its first report comes
    // a second later, when the uplink is long there.
    const capturing = this.#capture.start();
    capturing.catch(() => {});
    if (uplink !== undefined) await this.#startUplink(uplink);
    await capturing;
  }

  /** Loaded only where there is an uplink: MQTT and the signatures cost memory. */
  async #startUplink(uplink: NonNullable<Config['uplink']>): Promise<void> {
    const credentials = await import('./uplink/credentials.ts');
    const { Uplink } = await import('./uplink/uplink.ts');
    const { MqttLink } = await import('./uplink/mqtt-link.ts');
    const { broker } = uplink;
    const { agentId, signer } = credentials.openAgentIdentity(uplink.credentials);
    const { site } = this.#config;
    this.#agentId = agentId;
    this.#uplink = new Uplink({
      ...this.#around,
      buffer: this.#buffer,
      signer,
      receiptKeys: credentials.loadReceiptKey(uplink.credentials),
      link: new MqttLink({
        broker,
        agentId,
        ...(broker.startsWith('mqtts:') && {
          tls: credentials.loadTlsCredentials(uplink.credentials),
        }),
      }),
      digest: new SiteDigest(this.#siteKey),
      settings: {
        broker,
        siteName: site.name,
        ...(site.sector !== undefined && { sector: site.sector }),
        sharing: site.sharing,
        programVersion: PROGRAM_VERSION,
        summaryIntervalMs: uplink.summaryIntervalMs,
      },
    });
    this.#uplink.start();
  }

  #report(report: IntervalReport): void {
    this.#totals.add(report);
    const recorded = this.#buffer.recordReport(report);
    if (recorded.kind === 'fault') this.#logFault(recorded.fault);
    for (const { change, detection } of report.detections) {
      const { code, severity, title, client, server, unitId } = detection;
      const fields = { event: 'detection', change, code, severity, client, server, unitId };
      this.#around.log.warn(fields, title);
    }
    this.#uplink?.report(report);
  }

  #interfaceState(notice: InterfaceNotice): void {
    const { interfaceName, state, detail } = notice;
    const fields = { event: 'interfaceState', interfaceName, state };
    if (state === 'up') this.#around.log.info(fields, `interface ${interfaceName} is up`);
    else this.#around.log.warn(fields, detail ?? `interface ${interfaceName} is ${state}`);
  }

  #logFault(fault: OperatorFault): void {
    this.#around.log.error({ code: fault.code, remedy: fault.remedy }, fault.problem);
  }

  #interfaceStatus(): AgentStatus['interfaces'] {
    const { capture } = this.#config;
    const named =
      capture.file === undefined
        ? [
            ...capture.interfaces,
            ...capture.serial.map((line, at) => ({
              name: serialLineName(line, at),
              role: 'serial',
            })),
          ]
        : [{ name: FILE_INTERFACE, role: 'mirror' as const }];
    return named.map(({ name, role }) => {
      const seen = this.#totals.interfaces.get(name);
      const ageSeconds = (this.#around.clock.wallMs() - (seen?.lastFrameUs ?? 0) / 1000) / 1000;
      return {
        interfaceName: name,
        role,
        linkUp: seen?.linkUp ?? false,
        framesSeen: seen?.framesSeen ?? 0,
        framesDropped: seen?.framesDropped ?? 0,
        framesTruncated: seen?.framesTruncated ?? 0,
        bytesSeen: seen?.bytesSeen ?? 0,
        ...(seen?.bytesNotFramed !== undefined && {
          bytesNotFramed: seen.bytesNotFramed,
          bytesMissed: seen.bytesMissed ?? 0,
        }),
        ...(seen !== undefined &&
          seen.lastFrameUs > 0 && { lastFrameAgeSeconds: Math.max(0, ageSeconds) }),
      };
    });
  }

  #bufferStatus(): AgentStatus['buffer'] {
    const { path, quotaMiB } = this.#config.buffer;
    const statistics = this.#buffer.statistics();
    const { fault } = this.#buffer;
    return {
      path,
      databaseBytes: statistics?.databaseBytes ?? 0,
      quotaBytes: quotaMiB * MIB,
      observationsStored: statistics?.observationsStored ?? 0,
      ...(fault && { fault: factsOf(fault) }),
    };
  }
}

function uplinkStatus(uplink: Uplink): UplinkStatus {
  const { fault, ...state } = uplink.status();
  return { ...state, ...(fault && { fault: factsOf(fault) }) };
}

function factsOf(fault: OperatorFault): { code: string; problem: string; remedy: string } {
  return { code: fault.code, problem: fault.problem, remedy: fault.remedy };
}

async function workerSettings(
  config: Config,
  siteKey: Uint8Array,
  clock: Clock,
): Promise<WorkerSettings> {
  const { capture, decode } = config;
  return {
    interfaces: capture.interfaces,
    serialLines: capture.serial.map(({ name, dataBits, ...line }, at) => ({
      ...line,
      lineName: serialLineName({ name }, at),
      dataBits: dataBits ?? (line.framing === 'ascii' ? 7 : 8),
    })),
    ...(capture.file !== undefined && { file: capture.file }),
    ringBytes: capture.ringMiB * MIB,
    evidenceBytes: capture.evidenceMiB * MIB,
    modbusPorts: decode.modbusPorts,
    opcuaPorts: decode.opcuaPorts,
    exclude: await ownTraffic(config, clock),
    siteKey,
  };
}

/**
 * Our own way to the broker, which the sensor must not report as plant traffic. Only an interface
 * of this machine itself (role `host`) carries it.
 */
async function ownTraffic(
  { uplink, capture }: Config,
  clock: Clock,
): Promise<WorkerSettings['exclude']> {
  const isOurs = capture.interfaces.some(({ role }) => role === 'host');
  if (uplink === undefined || !isOurs) return [];
  const { hostname, port, protocol } = new URL(uplink.broker);
  const brokerPort = Number(port || (protocol === 'mqtts:' ? 8883 : 1883));
  const resolved = lookup(hostname.replace(/^\[|\]$/g, ''), { all: true }).catch(() => []);
  const late = new Promise<[]>((resolve) => clock.after(LOOKUP_MS, () => resolve([])));
  const addresses = await Promise.race([resolved, late]);
  // Without a name server now, leave out the broker's port on every host rather than feed back.
  if (addresses.length === 0) return [{ port: brokerPort }];
  return addresses.map(({ address }) => ({ ipAddress: address, port: brokerPort }));
}
