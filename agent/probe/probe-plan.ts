/**
 * What passes between `fieldtap probe` and the process that sends: the plan, with every byte that
 * may leave, and the lines that come back. The sender writes nothing that the plan doesn't hold.
 */

/** Modbus over TCP with MBAP, RTU frames over TCP, or a serial line. */
export type ModbusCarrier = 'tcp' | 'rtuOverTcp' | 'serial';

export type ModbusQuestion =
  | { readonly kind: 'deviceIdentification' }
  | { readonly kind: 'serverId' }
  | {
      readonly kind: 'read';
      readonly object: 'coil' | 'discreteInput' | 'holdingRegister' | 'inputRegister';
      readonly address: number;
      readonly quantity: number;
    };

export interface ModbusPlan {
  readonly protocol: 'modbus';
  readonly carrier: ModbusCarrier;
  /** IP address, or the path of the serial port. */
  readonly host: string;
  readonly port: number;
  readonly unitId: number;
  readonly questions: readonly ModbusQuestion[];
  /** Frame of each question, hex: what was shown to whoever confirmed it. */
  readonly frames: readonly string[];
  readonly timeoutMs: number;
  readonly serial?: {
    readonly baudRate: number;
    readonly parity: 'none' | 'even' | 'odd';
    readonly silentMs: number;
  };
}

export interface OpcuaPlan {
  readonly protocol: 'opcua';
  readonly endpointUrl: string;
  /** Opens an anonymous session and reads BuildInfo; only when asked. */
  readonly hasSession: boolean;
  /** Certificates of the probe lie here, and nowhere else. */
  readonly storeFolder: string;
  readonly timeoutMs: number;
}

export type ProbePlan = ModbusPlan | OpcuaPlan;

/** A line on the sender's standard output. */
export type ProbeLine =
  /** Before it leaves. */
  | { readonly kind: 'send'; readonly hex: string }
  | { readonly kind: 'fact'; readonly name: string; readonly value: string }
  /** One question that went unanswered or was refused by the device; the others go on. */
  | { readonly kind: 'unanswered'; readonly question: string; readonly problem: string }
  /** The end; nothing more is sent. */
  | { readonly kind: 'failed'; readonly code: string; readonly problem: string }
  | { readonly kind: 'done' };
