/**
 * Listens on interfaces for some seconds, as setup and doctor do: the capture and the decoding of
 * the agent, in this process, with nothing kept. Transmits nothing. Loads koffi.
 */
import { randomBytes } from 'node:crypto';
import type { FrameBlock } from '../../protocols/frame-block.ts';
import { FrameHistory } from '../capture/frame-history.ts';
import { type InterfaceRole, InterfaceSource } from '../capture/interface-source.ts';
import type { Heard } from '../diagnostics/doctor-facts.ts';
import { HeardLedger } from '../diagnostics/heard-ledger.ts';
import { Pipeline } from '../pipeline.ts';
import { SystemClock } from '../platform/clock.ts';
import { SiteDigest } from '../platform/digest.ts';
import { silentLog } from '../platform/log.ts';
import { OperatorFault } from '../platform/operator-fault.ts';

const RING_BYTES = 4 * 2 ** 20;
const HISTORY_BYTES = 2 ** 20;
const FLOWS_MAX = 1024;
/** A block that is not full comes after its timeout of 50 ms. */
const LAST_BLOCK_MS = 150;

export interface ListenedInterface {
  readonly name: string;
  readonly role: InterfaceRole;
}

export interface ListenOptions {
  readonly seconds: number;
  readonly modbusPorts?: readonly number[];
  readonly opcuaPorts?: readonly number[];
}

/** What each interface brought; one that can't be heard is left out. */
export async function listen(
  interfaces: readonly ListenedInterface[],
  options: ListenOptions,
): Promise<Heard[]> {
  const ears = interfaces.flatMap((each) => Ear.open(each, options) ?? []);
  const beganMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, options.seconds * 1000 + LAST_BLOCK_MS));
  const seconds = Math.round((performance.now() - beganMs) / 100) / 10;
  return ears.map((ear) => ear.close(seconds));
}

/** One interface with a pipeline of its own: ports of a tap are judged together later. */
class Ear {
  readonly #name: string;
  readonly #source: InterfaceSource;
  readonly #ledger = new HeardLedger();
  readonly #pipeline: Pipeline;

  private constructor({ name, role }: ListenedInterface, options: ListenOptions) {
    this.#name = name;
    this.#pipeline = new Pipeline({
      interfaces: [{ name, role }],
      digest: new SiteDigest(randomBytes(32)),
      flowsMax: FLOWS_MAX,
      ...(options.modbusPorts && { modbusPorts: options.modbusPorts }),
      ...(options.opcuaPorts && { opcuaPorts: options.opcuaPorts }),
    });
    this.#source = new InterfaceSource(
      { interfaceName: name, interfaceIndex: 0, role, ringBytes: RING_BYTES, exclude: [] },
      new SystemClock(),
      silentLog,
      new FrameHistory(HISTORY_BYTES),
    );
  }

  static open(each: ListenedInterface, options: ListenOptions): Ear | undefined {
    const ear = new Ear(each, options);
    try {
      ear.#source.start({ block: (block) => ear.#hear(block) });
      return ear;
    } catch (error) {
      ear.#source.stop();
      if (error instanceof OperatorFault) return undefined;
      throw error;
    }
  }

  close(seconds: number): Heard {
    const { framesDropped } = this.#source.statistics();
    this.#source.stop();
    this.#pipeline.end();
    const { decode } = this.#pipeline.totals();
    const { modbus, opcua, carriers } = decode;
    return this.#ledger.heard(this.#name, seconds, {
      framesDropped,
      framesDuplicate: carriers?.framesDuplicateCount ?? 0,
      modbusRequests: modbus.requests,
      modbusResponses: modbus.responses + modbus.exceptions,
      opcuaMessages: opcua.transportMessages,
      opcuaTransactions: Object.values(opcua.services).reduce((sum, count) => sum + count, 0),
      opcuaEncrypted: opcua.encryptedMessages,
    });
  }

  #hear(block: FrameBlock): void {
    this.#ledger.block(block);
    this.#pipeline.block(block);
  }
}
