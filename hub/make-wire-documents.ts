/** Writes docs/wire-names.json and docs/wire-format.cddl: `node hub/make-wire-documents.ts`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CDDL_FILE, NAMES_FILE, wireCddl, wireNames } from './wire-documents.ts';

const ROOT = join(import.meta.dirname, '..');

writeFileSync(join(ROOT, NAMES_FILE), wireNames());
writeFileSync(join(ROOT, CDDL_FILE), wireCddl());
