/** All detection rules, by what they want to see. A new rule is a new file and a line here. */
import type { ActivateSessionRule, ModbusRule } from './detection-rule.ts';
import { modbusFunctionZero } from './modbus-function-zero.ts';
import { opcuaPasswordClearText } from './opcua-password-clear-text.ts';

/** Run on Modbus transactions with an anomaly; an ordinary poll passes none of them. */
export const MODBUS_ANOMALY_RULES: readonly ModbusRule[] = [modbusFunctionZero];

/** Run on each ActivateSession request that can be read. */
export const ACTIVATE_SESSION_RULES: readonly ActivateSessionRule[] = [opcuaPasswordClearText];
