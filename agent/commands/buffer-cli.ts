/** `fieldtap buffer ...`: what the command line takes; the work is loaded when it is asked for. */
import { type Command, Option } from 'commander';

export function addBuffer(program: Command, exitWith: (code: number) => void): void {
  const buffer = program
    .command('buffer')
    .description('the file that survives power cuts: check it, see what is in it, make it small')
    .addHelpText('after', '\nExample:\n  fieldtap buffer stats\n');
  const configured = (name: string, description: string, example: string): Command =>
    buffer
      .command(name)
      .description(description)
      .addOption(
        new Option('--config <file>', 'configuration').default('/etc/fieldtap/fieldtap.yaml'),
      )
      .option('--path <file>', 'the buffer itself, instead of the one of the configuration')
      .option('--json', 'one JSON object', false)
      .addHelpText('after', `\nExample:\n  fieldtap buffer ${example}\n`);
  configured('check', 'every page and every checksum; 1 when something is damaged', 'check').action(
    async (options) => {
      const { bufferCheck } = await import('./buffer.ts');
      exitWith(bufferCheck(options));
    },
  );
  configured('stats', 'what waits, what is kept, what had to go, what it costs the disk', 'stats')
    // As the other commands that only look, it works beside a running agent.
    .action(async (options) => {
      const { bufferStats } = await import('./buffer.ts');
      exitWith(bufferStats(options));
    });
  configured(
    'compact',
    'give unused pages back to the disk (the agent must be stopped)',
    'compact --path /var/lib/fieldtap/buffer.db',
  ).action(async (options) => {
    const { bufferCompact } = await import('./buffer.ts');
    exitWith(bufferCompact(options));
  });
}
