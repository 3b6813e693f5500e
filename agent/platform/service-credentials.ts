/**
 * Secrets that the service manager hands over (systemd's LoadCredential): they lie in a folder that
 * only this service sees, and are preferred to files of the same name in the state folder.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Path of the secret `file`: handed over, or in `folder`. */
export function credentialPath(folder: string, file: string): string {
  const { CREDENTIALS_DIRECTORY } = process.env;
  if (CREDENTIALS_DIRECTORY !== undefined && CREDENTIALS_DIRECTORY !== '') {
    const handedOver = join(CREDENTIALS_DIRECTORY, file);
    if (existsSync(handedOver)) return handedOver;
  }
  return join(folder, file);
}
