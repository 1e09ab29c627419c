import type { Command } from 'commander';

/** Prints a result: as JSON with `--json`, else in words. */
export function report(command: Command, value: unknown, words: () => string): void {
  const { json } = command.optsWithGlobals<{ json?: boolean }>();
  process.stdout.write(`${json ? JSON.stringify(value) : words()}\n`);
}

/** The block of examples below a command's help. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((l) => `  ${l}`).join('\n')}`);
}
