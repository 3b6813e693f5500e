/** Writes docs/faults.md: `node agent/platform/faults/make-fault-document.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAULTS_FILE, faultDocument } from './fault-document.ts';

writeFileSync(join(import.meta.dirname, '../../..', FAULTS_FILE), faultDocument());
