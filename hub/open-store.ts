/** The store that the configuration names; each driver is loaded only where it is used. */
import type { Random } from '../agent/platform/random.ts';
import type { HubConfig } from './config.ts';
import type { HubStore } from './store.ts';

/** Throws OperatorFault for a database that can't be opened. */
export async function openStore(
  { path, url }: HubConfig['database'],
  random?: Random,
): Promise<HubStore> {
  if (url !== undefined) {
    const { PostgresStore } = await import('./postgres-store.ts');
    return await PostgresStore.open(url);
  }
  const { SqliteStore } = await import('./sqlite-store.ts');
  return new SqliteStore(path, random);
}
