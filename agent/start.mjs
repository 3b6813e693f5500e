/**
 * The way into main.ts from a source checkout, in plain JavaScript: with the compile cache on
 * before the first TypeScript file, Node never loads its type stripper (measured: 9 MB less).
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';

// Young objects get 1 MB in each thread instead of up to 16: 10 MB less in an idle agent and 50 in
// `replay --records`, CPU the same. Old ones are collected once they are a fifth more, not four
// times as many: 50 MB less where 100,000 connections come and go, and no difference where few do.
// Before the cache is opened, whose entries belong to the flags.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--heap-growing-percent=20');
const cacheFolder = join(import.meta.dirname, '../node_modules/.cache/fieldtap');
enableCompileCache(cacheFolder);
await import('./main.ts');
