/**
 * What a detection rule is (DETECTIONS.md): a code with its fixed words, and a function that looks
 * at one transaction. Folding, identity and evidence are not its business.
 */
import type { Severity } from '../../../protocols/interval-report.ts';
import type { ModbusTransaction } from '../../../protocols/modbus/transaction.ts';
import type { ActivateSessionFacts } from '../../../protocols/opcua/secret-spans.ts';
import type { OpcuaTransaction } from '../../../protocols/opcua/transaction.ts';

export interface DetectionRule {
  /** Never changes. */
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  /** ATT&CK for ICS ids: "consistent with", never "is". */
  readonly techniques: readonly string[];
}

/** One hit. Addresses in the texts are quoted from the flow, never free text from the wire. */
export interface Finding {
  readonly rule: DetectionRule;
  /** What was seen, in one or two sentences. */
  readonly explanation: string;
  /** What to do next. */
  readonly remedy: string;
}

/** Asked for each Modbus transaction that departs from the specification. */
export interface ModbusRule extends DetectionRule {
  detectModbus(transaction: ModbusTransaction): Finding | undefined;
}

/** Asked for each ActivateSession whose body can be read. */
export interface ActivateSessionRule extends DetectionRule {
  detectActivateSession(
    transaction: OpcuaTransaction,
    facts: ActivateSessionFacts,
  ): Finding | undefined;
}
