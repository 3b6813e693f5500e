/**
 * The way into main.ts from a source checkout, in plain JavaScript: with the compile cache on
 * before the first TypeScript file, Node never loads its type stripper (measured: 9 MB less).
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';

// Young objects get 1 MB in each thread instead of up to 16: 10 MB less in an idle agent and 50 in
// `replay --records`, CPU the same. Before the cache is opened, whose entries belong to the flags.
setFlagsFromString('--semi-space-growth-factor=1');
const cacheFolder = join(import.meta.dirname, '../node_modules/.cache/fieldtap');
enableCompileCache(cacheFolder);
await import('./main.ts');
