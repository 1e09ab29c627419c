/** What the command line's commands do, with the service of this desktop. */
import { UserError } from '#common/errors.ts';
import type { AgentStatus, Wish } from '#common/protocol/host-guest.ts';
import { ControlClient } from './control/client.ts';
import type { View } from './control/protocol.ts';
import { describeView, syncSentence, whyNot } from './report.ts';

export interface Output {
  /** Path of the service's local socket. */
  control: string;
  json: boolean;
  print(line: string): void;
}

/** Prints what is known now. Resolves with true if a host answers. */
export async function status(output: Output): Promise<boolean> {
  const client = await ControlClient.connect(output.control);
  try {
    const view = await client.view();
    show(output, view);
    return view.host.kind === 'there';
  } finally {
    client.close();
  }
}

/** Prints what is known now, and again with every change, until the service ends. @throws NoServiceError */
export async function watch(output: Output): Promise<never> {
  const client = await ControlClient.connect(output.control);
  let first = true;
  client.onView((view) => {
    if (!first && !output.json) output.print('');
    first = false;
    show(output, view);
  });
  throw await client.closed;
}

function show({ json, print }: Output, view: View): void {
  print(json ? JSON.stringify(view) : describeView(view));
}

/**
 * Says a wish to the host. With `wait`, a move is followed to its end.
 * @throws UserError when it is not possible (with the reason), or did not work
 */
export async function wish(output: Output, wanted: Wish, options: { wait: boolean }): Promise<void> {
  const client = await ControlClient.connect(output.control);
  try {
    const view = await client.view();
    const can = view.status?.can[wanted];
    const reason = view.host.kind === 'there' && can ? whyNot(can) : undefined;
    if (reason !== undefined) throw new UserError(reason);
    await client.wish(wanted);
    if (options.wait && (wanted === 'moveHere' || wanted === 'moveToServer'))
      await followMove(output, client, wanted === 'moveHere' ? 'pc' : 'server');
    else if (output.json) output.print(JSON.stringify({ done: wanted }));
    else output.print(DONE[wanted]);
  } finally {
    client.close();
  }
}

const DONE: Record<Wish, string> = {
  pause: 'The copying is paused.',
  resume: 'The copying goes on.',
  moveHere: 'The desktop is on its way to this PC. flexdeploy-agent status --watch shows how it goes.',
  moveToServer: 'The desktop is on its way to the server. flexdeploy-agent status --watch shows how it goes.',
  cancelMove: 'The move is being called off.',
  rebootNative: 'The PC will restart from its own disk.',
};

/** Resolves when the desktop has arrived. @throws UserError when it stays where it is, or the service ends */
async function followMove(output: Output, client: ControlClient, to: 'pc' | 'server'): Promise<void> {
  let last = '';
  let started = false;
  const arrived = new Promise<void>((resolve, reject) => {
    client.onView(({ host, status }) => {
      if (!status || host.kind !== 'there') return;
      const line = moveLine(output, status);
      if (line !== last) output.print(line);
      last = line;
      const { move, place, notice } = status;
      if (place === to && !move) resolve();
      else if (!move && started) reject(new UserError(notice?.text ?? 'the desktop stays where it is'));
      started ||= move !== undefined;
    });
  });
  await Promise.race([arrived, client.closed.then((why) => Promise.reject(why))]);
  if (!output.json) output.print(to === 'pc' ? 'The desktop runs on this PC.' : 'The desktop runs on the server.');
}

function moveLine({ json }: Output, status: AgentStatus): string {
  const { move, place } = status;
  if (json) return JSON.stringify({ move: move ?? null, place });
  return move ? `${move.phase} ${Math.round(move.percent)} %` : syncSentence(status);
}
