/** `npm run demo`: a server and a PC in virtual machines, to use in a browser, or to see walked through by itself. */
import { readdir } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { describeError, UserError } from '#common/errors.ts';
import { ensureDebianPackages } from '../../builder/debian-packages.ts';
import { PageServer } from './demo/page-server.ts';
import { walk } from './demo/script.ts';
import type { Action, DemoState, MachineName } from './demo/state.ts';
import { Steps } from './demo/steps.ts';
import { Deployment } from './deployment.ts';
import { ensureImages } from './images.ts';
import { waitForLogin } from './kiosk-walk.ts';
import type { Machine } from './machine.ts';
import { assertRoom } from './room.ts';

interface Flags {
  script?: true;
  keep?: true;
  json?: true;
  port?: number;
}

const USUAL_PORT = 8900;
const PERSON = { user: 'ana', password: 'flexdeploy', desktop: 'ana-desk', disk: 'DEMO-DISK-4711' };
const RESULTS = 'out/demo';
/** A copy at full speed takes nearly all of an emulated processor, and the desktop hangs: a terminal took 4 minutes. */
const EMULATED_LIMIT_KIBPS = 512;

const EXAMPLES = `
Examples:
  npm run demo                 # then open the address it prints, and use both screens
  npm run demo -- --script     # walks through by itself; screenshots in ${RESULTS}/
  npm run demo -- --script --keep --port 8080
Ctrl-C ends it and leaves nothing behind.`;

class Demo {
  readonly #steps: Steps;
  readonly #state: DemoState;
  readonly #cables: Record<MachineName, boolean> = { server: true, pc: true };
  /** Ends a build. Machines are the lab's own business. */
  readonly #interrupted = new AbortController();
  #page: PageServer | undefined;
  #deployment: Deployment | undefined;
  #pc: Machine | undefined;

  constructor(json: boolean) {
    this.#steps = new Steps({ json, onChange: () => this.#changed() });
    const machine = (about: string) => ({ on: false, cable: true, about });
    this.#state = {
      steps: this.#steps.all,
      machines: {
        server: machine('behind a NAT'),
        pc: machine('behind another NAT'),
      },
    };
  }

  async run(flags: Flags): Promise<void> {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.once(signal, () => this.#interrupted.abort(new UserError('The demo was interrupted.')));
    }
    await this.#openPage(flags);
    try {
      await this.#boot();
      if (flags.script) await this.#walk();
      if (!flags.script || flags.keep) await this.#waitForEver();
    } finally {
      await this.#deployment?.close();
      await this.#page?.close();
    }
  }

  async #openPage(flags: Flags): Promise<void> {
    this.#page = await PageServer.start({
      port: flags.port ?? USUAL_PORT,
      exact: flags.port !== undefined,
      state: () => this.#state,
      vncSocket: (name) => (this.#machine(name)?.running ? this.#machine(name)?.vncSocket : undefined),
      act: (name, action) => this.#act(name, action),
    });
    this.#steps.tell(`\nThe demo is at ${this.#page.url}\n`, { event: 'page', url: this.#page.url });
    // Screens go on and off by themselves: a guest may switch its machine off
    setInterval(() => this.#changed(), 1_000).unref();
  }

  async #boot(): Promise<void> {
    const steps = this.#steps;
    await steps.run('check this machine', async () => {
      await assertRoom({ memoryGiB: 9, diskGiB: 6, folder: '/var/tmp' });
      await ensureDebianPackages();
    });
    await steps.run('build what is missing', (detail) =>
      ensureImages(['client', 'server', 'desktop'], detail, this.#interrupted.signal),
    );
    const deployment = await Deployment.prepare('demo', { results: RESULTS });
    this.#deployment = deployment;
    await steps.run('boot the server', () => deployment.startServer());
    await steps.run('make the administrator with the code on its console', () => deployment.setUp());
    const pc = await steps.run('boot a PC from the live image', async () => {
      this.#pc = await deployment.pc('pc', {
        boot: 'cd',
        memoryMiB: 4096,
        disks: [{ serial: PERSON.disk, sizeMiB: 8192, bus: 'sata' }],
      });
      await this.#pc.start();
      return this.#pc;
    });
    await steps.run('import the sample desktop as a golden image', (detail) => deployment.importSampleDesktop(detail));
    await steps.run(`make an account for ${PERSON.user}, with a desktop`, () =>
      deployment.addPerson(PERSON.user, PERSON.password, PERSON.desktop),
    );
    if (deployment.lab.accelerator === 'tcg') {
      await steps.run(`limit copies to ${EMULATED_LIMIT_KIBPS} KiB/s, since these machines are emulated`, () =>
        deployment.flexdeploy(['limit', String(EMULATED_LIMIT_KIBPS)]),
      );
    }
    this.#state.login = { user: PERSON.user, password: PERSON.password };
    await deployment.lab.keepingEvidence(() =>
      steps.run('the PC shows the login screen', async () => {
        await waitForLogin(pc);
        await pc.screenshot('01-login');
      }),
    );
  }

  async #walk(): Promise<void> {
    const deployment = this.#deployment;
    const pc = this.#pc;
    if (!deployment || !pc) throw new Error('there is nothing to walk through yet');
    await deployment.lab.keepingEvidence(() => walk(this.#steps, deployment, pc, PERSON));
    const pictures = (await readdir(RESULTS)).filter((name) => name.endsWith('.png')).sort();
    const list = pictures.map((name) => `  ${RESULTS}/${name}`).join('\n');
    this.#steps.tell(`\nEvery step was seen. Screenshots:\n${list}`, { event: 'walked', screenshots: pictures });
  }

  async #waitForEver(): Promise<void> {
    const { user, password } = PERSON;
    const words = `\nOpen ${this.#page?.url} and log in as ${user} with the password ${password}. Ctrl-C ends the demo.`;
    this.#steps.tell(words, { event: 'ready', url: this.#page?.url, user, password });
    await new Promise(() => setInterval(() => {}, 60_000));
  }

  #machine(name: MachineName): Machine | undefined {
    return name === 'pc' ? this.#pc : this.#deployment?.server;
  }

  async #act(name: MachineName, action: Action): Promise<void> {
    const machine = this.#machine(name);
    if (!machine) throw new UserError('This machine is not there yet.');
    switch (action) {
      case 'pull-cable':
      case 'plug-cable':
        this.#cables[name] = action === 'plug-cable';
        await (this.#cables[name] ? machine.healLink() : machine.cutLink());
        break;
      case 'cut-power':
        await machine.powerCut();
        break;
      case 'switch-on':
        this.#cables[name] = true;
        await machine.start();
        break;
      default:
        action satisfies never;
    }
    this.#changed();
  }

  #changed(): void {
    for (const name of ['server', 'pc'] as const) {
      this.#state.machines[name].on = this.#machine(name)?.running ?? false;
      this.#state.machines[name].cable = this.#cables[name];
    }
    this.#page?.changed();
  }
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new InvalidArgumentError('A port is 1 to 65535.');
  return port;
}

const command = new Command('npm run demo --')
  .description('Boots a FlexDeploy server and a PC on this machine, and shows both screens on a local web page.')
  .option('--script', 'walk the whole way by itself; exit code 0 only if every step was seen')
  .option('--keep', 'with --script: leave everything running in the end, until Ctrl-C')
  .option('--json', 'one JSON object a line instead of words')
  .option('--port <number>', `port of the web page on 127.0.0.1 (${USUAL_PORT}, or a free one)`, portNumber)
  .addHelpText('after', EXAMPLES)
  .showHelpAfterError('(--help shows what there is)')
  .action(async (flags: Flags) => {
    await new Demo(flags.json ?? false).run(flags);
  });

try {
  await command.parseAsync();
  process.exit(0);
} catch (error) {
  console.error(`\n${describeError(error)}`);
  process.exit(1);
}
