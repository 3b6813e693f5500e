/**
 * The running agent: capture worker, buffer, uplink and control socket put together.
 * Disk before network: a report is in the buffer before the worker gets its credit back.
 */
import { lookup } from 'node:dns/promises';
import { dirname } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { bufferChildWords } from '../buffer/child-process.ts';
import { SiteBuffer } from '../buffer/site-buffer.ts';
import type { IntervalReport, Observation } from '../protocols/interval-report.ts';
import { noteActions } from './asset-notes.ts';
import { bufferStatus } from './buffer-status.ts';
import { CaptureHost } from './capture-host.ts';
import type { Config } from './config.ts';
import { agentMetrics } from './diagnostics/agent-metrics.ts';
import type { AgentStatus, UplinkStatus } from './diagnostics/agent-status.ts';
import type { ControlAction } from './diagnostics/control-actions.ts';
import { ControlServer } from './diagnostics/control-server.ts';
import { LiveFeed } from './diagnostics/live-feed.ts';
import { RunningTotals } from './diagnostics/running-totals.ts';
import type { Clock } from './platform/clock.ts';
import type { Log } from './platform/log.ts';
import { metricsText } from './platform/metrics.ts';
import type { OperatorFault } from './platform/operator-fault.ts';
import type { Random } from './platform/random.ts';
import { serialLineName } from './platform/serial-line-name.ts';
import type { Part } from './platform/supervisor.ts';
import type { SiteSettings } from './read-settings.ts';
import { reportOfOurs, siteActions } from './site-actions.ts';
import { openAlarms, type SiteAlarms } from './site-alarms.ts';
import { openSiteKey } from './site-key.ts';
import { SiteNews } from './site-news.ts';
import type { AdvisoryView } from './uplink/advisory-desk.ts';
import type { Uplink } from './uplink/uplink.ts';
import { uplinkActions } from './uplink-actions.ts';
import { PROGRAM_VERSION } from './version.ts';
import { FILE_INTERFACE, type InterfaceNotice, type WorkerSettings } from './worker-channel.ts';

const MIB = 2 ** 20;
/** A gateway without a name server must not start deaf. */
const LOOKUP_MS = 300;
const NO_STATE = { rows: [], lastId: undefined };

export interface AgentSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** A part has worked just now; the service manager's watchdog is fed by it. */
  readonly progress?: (part: Part) => void;
  /** A capture worker that was started before the settings were known; else one is started. */
  readonly captureThread?: Worker;
}

export class Agent {
  readonly #settings: SiteSettings;
  readonly #config: Config;
  readonly #around: AgentSurroundings;
  readonly #startedAtMs: number;
  readonly #startedAtWallMs: number;
  readonly #totals = new RunningTotals();
  readonly #live = new LiveFeed();
  readonly #siteKey: Uint8Array;
  readonly #buffer: SiteBuffer;
  /** What the hub doesn't know yet of the devices. */
  readonly #news: SiteNews;
  readonly #control: ControlServer;
  #capture: CaptureHost | undefined;
  #alarms: SiteAlarms | undefined;
  #uplink: Uplink | undefined;
  #agentId: string | undefined;
  #bufferFault: string | undefined;

  private constructor(settings: SiteSettings, around: AgentSurroundings) {
    const { config } = settings;
    this.#settings = settings;
    this.#config = config;
    this.#around = around;
    this.#startedAtMs = around.clock.monotonicMs();
    this.#startedAtWallMs = around.clock.wallMs();
    this.#siteKey = openSiteKey(dirname(config.buffer.path), around.random);
    const { path, quotaMiB } = config.buffer;
    this.#buffer = SiteBuffer.open({
      path,
      quotaMiB,
      ...around,
      childWords: bufferChildWords(),
      onNotice: ({ event, text }) => around.log.warn({ event }, text),
    });
    this.#news = new SiteNews(this.#siteKey, (work) => this.#buffer.state(work));
    this.#control = new ControlServer({
      status: () => this.status(),
      metrics: () => metricsText(agentMetrics(this.status())),
      live: this.#live,
      actions: this.#actions(),
      knowledge: {
        ask: (question) => this.#capture?.desk.ask(question) ?? Promise.resolve(undefined),
        notes: () => this.#buffer.state((state) => state.notes()) ?? [],
      },
    });
  }

  /** Throws OperatorFault for what an operator has to mend before the agent can work. */
  static async start(settings: SiteSettings, around: AgentSurroundings): Promise<Agent> {
    const agent = new Agent(settings, around);
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
    this.#alarms?.close();
    this.#live.close();
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
      startedAtMs: this.#startedAtWallMs,
      uptimeSeconds: (clock.monotonicMs() - this.#startedAtMs) / 1000,
      residentBytes: process.memoryUsage.rss(),
      isCapturing: capture?.isCapturing ?? false,
      workerRestarts: capture?.workerRestarts ?? 0,
      ...(capture?.lastFault && { captureFault: capture.lastFault }),
      interfaces: this.#interfaceStatus(),
      traffic: totals.traffic,
      ...(totals.recentTraffic && { recent: totals.recentTraffic }),
      observations: totals.observations,
      observationsFolded: totals.observationsFolded,
      alertsRaised: totals.alertsRaised,
      alerts: totals.detections.map(({ detection }) => detection),
      tables: totals.tables,
      buffer: bufferStatus(this.#buffer, this.#config.buffer),
      ...(this.#uplink && { uplink: uplinkStatus(this.#uplink) }),
      ...(this.#uplink && { advisories: this.#uplink.advisories() }),
      ...(this.#alarms && { syslog: this.#alarms.status() }),
    };
  }

  /** What commands may ask for over the socket. */
  #actions(): ReadonlyMap<string, ControlAction> {
    const site = siteActions({
      agentId: () => this.#agentId,
      deliver: (topic, bytes) => this.#uplink?.deliver(topic, bytes),
      sector: this.#config.site.sector,
      record: (observation) => this.#recordOwn(observation),
      learn: (learned) => void this.#learn(learned),
    });
    const notes = noteActions(this.#buffer, this.#around.clock);
    return new Map([...site, ...uplinkActions(() => this.#uplink), ...notes]);
  }

  /** What a command of ours did on the plant network, kept among the observations. */
  #recordOwn(observation: Observation): void {
    const timeUs = Math.round(this.#around.clock.wallMs() * 1000);
    const report = reportOfOurs({ ...observation, timeUs });
    const recorded = this.#buffer.recordReport(report);
    if (recorded.kind === 'fault') this.#logFault(recorded.fault);
    this.#live.tell(report);
  }

  /** Loaded when a probe has learned something: it knows what the worker knows, 5 MB of it. */
  async #learn(learned: unknown): Promise<void> {
    const timeUs = Math.round(this.#around.clock.wallMs() * 1000);
    const { probedFacts } = await import('./probed-facts.ts');
    this.#capture?.desk.learn(probedFacts(learned, timeUs));
  }

  async #start(): Promise<void> {
    const { diagnostics, uplink } = this.#config;
    await this.#control.listen(diagnostics.socket);
    if (diagnostics.metrics) await this.#control.listenMetrics(diagnostics.metrics.listen);
    if (diagnostics.page) {
      this.#around.log.warn({ event: 'pageMissing' }, 'the page is not in this version');
    }
    this.#alarms = await openAlarms(diagnostics.syslog, this.#around.clock);
    const settings = await workerSettings(this.#settings, this.#siteKey, this.#around.clock);
    const sink = {
      report: (report: IntervalReport) => this.#report(report),
      interfaceState: (notice: InterfaceNotice) => this.#interfaceState(notice),
      knownState: (afterId: number, rowsMax: number) =>
        this.#buffer.state((state) => state.page(afterId, rowsMax)) ?? NO_STATE,
      restarting: () => this.#around.progress?.('capture'),
    };
    const { clock, log, captureThread } = this.#around;
    const thread = captureThread && { started: captureThread };
    this.#capture = new CaptureHost(settings, sink, clock, log, thread);
    // The plant doesn't wait: the worker loads while this thread loads MQTT. Its first report comes
    // a second later, when the uplink is long there.
    const capturing = this.#capture.start();
    capturing.catch(() => {});
    if (uplink !== undefined) await this.#startUplink(uplink);
    await capturing;
  }

  /** Loaded only where there is an uplink: MQTT and the signatures cost memory. */
  async #startUplink(uplink: NonNullable<Config['uplink']>): Promise<void> {
    const assetChanges = this.#news.assets;
    const { startUplink } = await import('./start-uplink.ts');
    const parts = { config: this.#config, buffer: this.#buffer, siteKey: this.#siteKey };
    const onAdvisory = (advisory: AdvisoryView) => this.#alarms?.advisory(advisory);
    const asked = { ...this.#around, ...parts, uplink, onAdvisory, assetChanges };
    const started = await startUplink(asked);
    this.#uplink = started.uplink;
    this.#agentId = started.agentId;
  }

  #report(report: IntervalReport): void {
    this.#around.progress?.('capture');
    this.#totals.add(report);
    const recorded = this.#buffer.recordReport(report);
    this.#around.progress?.('buffer');
    this.#news.record(report.state, report.assetChanges);
    this.#logBuffer(recorded.kind === 'fault' ? recorded.fault : this.#buffer.fault);
    for (const { change, detection } of report.detections) {
      const { code, severity, title, client, server, unitId } = detection;
      const fields = { event: 'detection', change, code, severity, client, server, unitId };
      this.#around.log.warn(fields, title);
    }
    this.#alarms?.detections(report.detections);
    this.#uplink?.report(report);
    this.#live.tell(report);
  }

  #interfaceState(notice: InterfaceNotice): void {
    const { interfaceName, state, detail } = notice;
    const fields = { event: 'interfaceState', interfaceName, state };
    if (state === 'up') this.#around.log.info(fields, `interface ${interfaceName} is up`);
    else this.#around.log.warn(fields, detail ?? `interface ${interfaceName} is ${state}`);
  }

  /** Once when it begins, changes and ends: a disk that stays full would get a line a second. */
  #logBuffer(fault: OperatorFault | undefined): void {
    if (fault?.code === this.#bufferFault) return;
    this.#bufferFault = fault?.code;
    if (fault !== undefined) this.#logFault(fault);
    else this.#around.log.info({ event: 'bufferWritten' }, 'the buffer is written again');
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
        ...((seen?.framesDuplicate ?? 0) > 0 && { framesDuplicate: seen?.framesDuplicate ?? 0 }),
        recent: this.#totals.recentFrames(name),
        ...(seen?.bytesNotFramed !== undefined && {
          bytesNotFramed: seen.bytesNotFramed,
          bytesMissed: seen.bytesMissed ?? 0,
        }),
        ...(seen !== undefined &&
          seen.lastFrameUs > 0 && { lastFrameAgeSeconds: Math.max(0, ageSeconds) }),
      };
    });
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
  { config, registerPoints }: SiteSettings,
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
    ...(decode.registerMaps.length > 0 && { registerPoints }),
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
