/** `--mode` of the OPC UA devices: the security mode of OPC 10000-4, None unless given. */

export type SecurityModeName = 'None' | 'Sign' | 'SignAndEncrypt';

export function securityMode(given: string | undefined): SecurityModeName {
  if (given === undefined || given === 'None') return 'None';
  if (given === 'Sign' || given === 'SignAndEncrypt') return given;
  throw new Error(`--mode is None, Sign or SignAndEncrypt, not "${given}"`);
}
