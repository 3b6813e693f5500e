/** The copyright file of the Debian package: our own licence and that of everything inside. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { licenseOf, lockedPackages, packageFolder } from './npm-packages.ts';
import type { Architecture } from './targets.ts';

const LICENSE_FILE = /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i;

/** The whole text, which Debian has once for all packages (Policy section 12.5). */
const APACHE_LICENSE = /Apache License\s+Version 2\.0, January 2004[\s\S]+END OF TERMS/;
const APACHE_POINTER = `License: Apache-2.0
 The full text is in /usr/share/common-licenses/Apache-2.0.`;

export function copyrightText(packages: readonly string[], architecture: Architecture): string {
  const inside = [...packages, `node-linux-${architecture}`].sort();
  const parts = inside.map((name) => {
    const { version } = lockedPackages()[`node_modules/${name}`] ?? {};
    const texts = licenseTexts(name);
    const told =
      texts.length > 0 ? texts.join('\n\n') : `License: ${licenseOf(name) ?? 'see package.json'}`;
    return `${'='.repeat(78)}\n${name} ${version} (npm)\n\n${told}`;
  });
  return `${OWN}\n${parts.join('\n\n')}\n`;
}

function licenseTexts(name: string): string[] {
  const folder = packageFolder(name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => LICENSE_FILE.test(file))
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8').trim())
    .map((text) => (APACHE_LICENSE.test(text) ? APACHE_POINTER : text));
}

const OWN = `fieldtap, a passive sensor for Modbus and OPC UA

Copyright: 2026 the fieldtap authors

License: Apache-2.0
 On Debian systems the full text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.

/usr/bin/fieldtap contains Node.js and the npm packages below, each under its own licence.
`;
