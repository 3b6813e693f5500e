/**
 * OPCUA_PASSWORD_CLEAR_TEXT: a UserName token whose password is not encrypted, in a body that
 * anyone on the network can read (OPC 10000-4 §7.41.3: the encryption algorithm may be empty).
 */
import type { ActivateSessionFacts } from '../../../protocols/opcua/secret-spans.ts';
import type { OpcuaTransaction } from '../../../protocols/opcua/transaction.ts';
import type { ActivateSessionRule, Finding } from './detection-rule.ts';

/** Evidence set C, guard F. */
export const opcuaPasswordClearText: ActivateSessionRule = {
  code: 'OPCUA_PASSWORD_CLEAR_TEXT',
  severity: 'critical',
  title: 'A password crossed the network in clear',
  techniques: ['T0859', 'T0842'],
  detectActivateSession(
    transaction: OpcuaTransaction,
    facts: ActivateSessionFacts,
  ): Finding | undefined {
    if (facts.passwordIsClearText !== true) return undefined;
    const { client, server } = transaction.flow;
    const mode = transaction.securityMode ?? 'unknown';
    return {
      rule: opcuaPasswordClearText,
      explanation:
        `${client.ipAddress} signed in at the OPC UA server ${server.ipAddress}:${server.port} ` +
        `with a user name and a password that was not encrypted (security mode ${mode}). ` +
        'Everyone who can listen on this network can read it.',
      remedy:
        'Change this password, then let the server offer only user tokens with an encrypting ' +
        'security policy. The password itself is not stored here.',
    };
  },
};
