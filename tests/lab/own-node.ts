/** CommonJS programs that a machine runs with its own Node, through its debug shell. */
import type { Machine } from './machine.ts';

const TRY_MS = 120_000;

/** The shell command that runs `program`: may stand in a pipe or a list. */
export function nodeCommand(program: string): string {
  return `/usr/lib/flexdeploy/node -e '${program.replaceAll("'", `'\\''`)}'`;
}

/** Runs `program` to its end; returns what it prints. */
export async function inNode(machine: Machine, program: string, withinMs = TRY_MS): Promise<string> {
  return (await machine.shell(nodeCommand(program), withinMs)).output;
}
