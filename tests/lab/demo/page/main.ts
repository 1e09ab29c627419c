/** The demo's page: two live screens, buttons that break things, the steps so far. */
import RFB from '@novnc/novnc';
import type { Action, DemoState, MachineName } from '../state.ts';
import type { Step } from '../steps.ts';

const RETRY_MS = 1_000;

function find<E extends Element>(selector: string, inside: ParentNode = document): E {
  const element = inside.querySelector<E>(selector);
  if (!element) throw new Error(`the page has no ${selector}`);
  return element;
}

/** The screen of one machine: connects while it is on, and again when the connection ends. */
class MachineView {
  readonly #name: MachineName;
  readonly #section: HTMLElement;
  readonly #screen: HTMLElement;
  #on = false;
  #shown = '';
  #viewer: RFB | undefined;

  constructor(name: MachineName) {
    this.#name = name;
    this.#section = find(`[data-machine="${name}"]`);
    this.#screen = find('.screen', this.#section);
  }

  show(machine: DemoState['machines'][MachineName]): void {
    find('.about', this.#section).textContent = machine.about;
    // The state comes every second: buttons are only made anew when it says something else
    const shown = JSON.stringify(machine);
    if (shown === this.#shown) return;
    this.#shown = shown;
    find('.buttons', this.#section).replaceChildren(
      ...(machine.on
        ? [
            machine.cable ? this.#button('Pull the cable', 'pull-cable') : this.#button('Plug it in', 'plug-cable'),
            this.#button('Cut the power', 'cut-power'),
            this.#local('Full screen', () => this.#screen.requestFullscreen().then(() => this.#viewer?.focus())),
          ]
        : [this.#button('Switch on', 'switch-on')]),
    );
    if (machine.on && !this.#on) this.#connect();
    if (!machine.on) this.#viewer?.disconnect();
    this.#on = machine.on;
  }

  /** A button that does something to the machine. */
  #button(label: string, action: Action): HTMLButtonElement {
    return this.#local(label, async () => {
      const answer = await fetch(`/machines/${this.#name}/${action}`, { method: 'POST' });
      if (!answer.ok) alert(await answer.text());
    });
  }

  #local(label: string, work: () => Promise<unknown>): HTMLButtonElement {
    const button = document.createElement('button');
    button.textContent = label;
    button.addEventListener('click', async () => {
      button.disabled = true;
      await work().catch((error: unknown) => alert(String(error)));
      button.disabled = false;
    });
    return button;
  }

  #connect(): void {
    const place = document.createElement('div');
    this.#screen.append(place);
    const viewer = new RFB(place, `ws://${location.host}/vnc/${this.#name}`);
    viewer.scaleViewport = true;
    viewer.background = '#000';
    this.#viewer = viewer;
    viewer.addEventListener('disconnect', () => {
      place.remove();
      if (this.#viewer === viewer) this.#viewer = undefined;
      setTimeout(() => {
        if (this.#on && !this.#viewer) this.#connect();
      }, RETRY_MS);
    });
  }
}

const views = { server: new MachineView('server'), pc: new MachineView('pc') };

function stepItem(step: Step): HTMLLIElement {
  const item = document.createElement('li');
  item.className = step.state;
  const add = (className: string, text: string) => {
    const part = document.createElement('span');
    part.className = className;
    part.textContent = text;
    item.append(part);
  };
  add('time', step.state === 'running' ? '…' : step.state === 'failed' ? 'failed' : `${step.seconds.toFixed(1)} s`);
  add('title', step.title);
  if (step.detail) add('detail', step.detail);
  return item;
}

function show(state: DemoState): void {
  for (const name of ['server', 'pc'] as const) views[name].show(state.machines[name]);
  find('#user').textContent = state.login?.user ?? '…';
  find('#password').textContent = state.login?.password ?? '…';
  find('#steps').replaceChildren(...state.steps.map(stepItem));
}

function watch(): void {
  const socket = new WebSocket(`ws://${location.host}/state`);
  const link = find('#link');
  socket.addEventListener('open', () => {
    link.textContent = '';
  });
  socket.addEventListener('message', (event: MessageEvent<string>) => show(JSON.parse(event.data) as DemoState));
  socket.addEventListener('close', () => {
    link.textContent = 'The demo has ended, or does not answer.';
    setTimeout(watch, RETRY_MS);
  });
}

watch();
