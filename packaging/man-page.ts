/** The man page, from what the program says of itself. Markup: man(7). */
import { allCommands, type CommandHelp } from './command-help.ts';

const FILES = [
  ['/etc/fieldtap/fieldtap.yaml', 'configuration; fieldtap check-config names every fault in it'],
  ['/var/lib/fieldtap', 'buffer, keys and enrolment; kept when the package is removed'],
  ['/run/fieldtap/fieldtap.sock', 'control socket of the running agent, for the group fieldtap'],
  ['/etc/credstore/agent-key.pem, client-key.pem', 'keys instead of those in the state folder'],
] as const;

/** `day`: YYYY-MM-DD. */
export function manPage(help: CommandHelp, version: string, day: string): string {
  const lines = [
    `.TH FIELDTAP 8 "${day}" "fieldtap ${version}" "System Administration"`,
    '.SH NAME',
    'fieldtap \\- passive sensor for Modbus and OPC UA plant networks',
    '.SH SYNOPSIS',
    '.B fieldtap',
    '.I command',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    escaped(help.description),
    'It never sends on a capture port. What it saw survives a power cut, and what the hub has not',
    'confirmed by a signed receipt is not deleted.',
    '.SH COMMANDS',
    ...allCommands(help).slice(1).flatMap(commandLines),
    '.SH FILES',
    ...FILES.flatMap(([path, text]) => ['.TP', `.I ${escaped(path)}`, escaped(text)]),
    '.SH EXIT STATUS',
    '.TP',
    '0',
    'good',
    '.TP',
    '1',
    'a failed check or a fault; the sentence on standard error ends with its code',
    '.TP',
    '2',
    'wrong use',
    '.SH SEE ALSO',
    '.BR systemctl (1),',
    '.BR journalctl (1)',
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines({ name, usage, description, options, examples }: CommandHelp): string[] {
  const shown = usage.replace(/^.*?(?=\[options\])/, '').trim();
  return [
    `.SS ${escaped(name)} ${escaped(shown)}`.trimEnd(),
    escaped(description),
    ...options
      .filter(({ flags }) => !flags.includes('--help'))
      .flatMap(({ flags, description: text }) => ['.TP', `.B ${escaped(flags)}`, escaped(text)]),
    ...(examples.length === 0
      ? []
      : ['.PP', 'Example:', '.PP', '.nf', ...examples.map(escaped), '.fi']),
  ];
}

/** A hyphen is a minus sign in options; a leading dot or quote would be a request. */
function escaped(text: string): string {
  const safe = text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}
