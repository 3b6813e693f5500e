/** CHANGELOG.md in pieces: release notes, and the changelog of the Debian package. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './targets.ts';

export interface Release {
  /** `Unreleased` or a version. */
  readonly version: string;
  /** `YYYY-MM-DD`; absent while it isn't released. */
  readonly day?: string;
  /** Markdown below the heading, trimmed. */
  readonly text: string;
}

/** Newest first, as the file has them. */
export function readReleases(): Release[] {
  const text = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8');
  const [, ...sections] = text.split(/^## /m);
  return sections.map((section) => {
    const [heading, ...lines] = section.split('\n');
    const match = /^\[([^\]]+)\](?: - (\d{4}-\d{2}-\d{2}))?$/.exec(heading.trim());
    if (match === null) throw new Error(`CHANGELOG.md has a heading of no release: "${heading}"`);
    const [, version, day] = match;
    return { version, ...(day !== undefined && { day }), text: lines.join('\n').trim() };
  });
}

/** Notes of `version`: what is new, how to check the files, how to install. */
export function releaseNotes(version: string, files: readonly string[]): string {
  const releases = readReleases();
  const unreleased = releases.find((each) => each.version === 'Unreleased');
  const release = releases.find((each) => each.version === version);
  const parts = [`# fieldtap ${version}`];
  if (unreleased !== undefined && unreleased.text !== '') {
    parts.push(`Built from sources that are newer than this version:\n\n${unreleased.text}`);
  }
  if (release === undefined) throw new Error(`CHANGELOG.md says nothing of version ${version}`);
  parts.push(release.text);
  parts.push(`## Files\n\n${files.map((file) => `- ${file}`).join('\n')}`);
  parts.push(CHECKING);
  return `${parts.join('\n\n')}\n`;
}

/** Of Debian's changelogs. */
const LINE_CHARACTERS = 78;

const CHECKING = `## Checking and installing

\`\`\`sh
minisign -V -p fieldtap.pub -m SHA256SUMS    # the signature; the key comes by another way
sha256sum --check --ignore-missing SHA256SUMS
sudo apt install ./fieldtap_*_amd64.deb      # arm64 on a gateway with an ARM processor
\`\`\`

Without Debian: copy \`fieldtap-linux-x64\` or \`fieldtap-linux-arm64\`, make it executable, give it
CAP_NET_RAW. It needs glibc 2.34 or later and libstdc++.`;

/** Debian's changelog of all releases that have a day. */
export function debianChangelog(packageName: string, maintainer: string): string {
  return readReleases()
    .flatMap(({ version, day, text }) => {
      if (day === undefined) return [];
      const date = debianDate(day);
      const lines = entriesOf(text).map((entry) => wrapped(`  * ${entry}`, '    '));
      const heading = `${packageName} (${version}) stable; urgency=medium`;
      return [`${heading}\n\n${lines.join('\n')}\n\n -- ${maintainer}  ${date}\n`];
    })
    .join('\n');
}

/** The entries of a release, each on one line. */
function entriesOf(text: string): string[] {
  const entries: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('- ')) entries.push(line.slice(2).trim());
    else if (line.startsWith('  ') && entries.length > 0)
      entries.push(`${entries.pop()} ${line.trim()}`);
  }
  return entries;
}

/** Lines of at most LINE_CHARACTERS, the later ones indented. */
function wrapped(text: string, indent: string): string {
  const lines = [''];
  for (const word of text.split(/(?<=\S) +/)) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > LINE_CHARACTERS) lines.push(indent + word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join('\n');
}

/** RFC 5322, as Debian Policy section 4.4 wants it. */
function debianDate(day: string): string {
  return new Date(`${day}T00:00:00Z`).toUTCString().replace('GMT', '+0000');
}
