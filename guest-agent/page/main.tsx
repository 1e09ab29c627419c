/** Entry of the agent's page: draws what the service says, and tells it what the person wants. */
import { render } from 'preact';
import type { Wish } from '#common/protocol/host-guest.ts';
import { chooseLanguage, type Language } from '../texts/texts.ts';
import { App, type Shown } from './app.tsx';
import { connect } from './connection.ts';

const root = document.getElementById('app');
if (!root) throw new Error('index.html has no #app');

let language: Language = chooseLanguage(navigator.languages);
let shown: Shown = { view: undefined, lost: undefined, asked: undefined, problem: undefined };
let nextId = 1;

function change(next: Partial<Shown>): void {
  shown = { ...shown, ...next };
  draw();
}

const connection = connect((message) => {
  switch (message.say) {
    case 'view':
      change({ view: message.view, lost: undefined });
      break;
    case 'noService':
      if (shown.lost === undefined) change({ lost: message.since, asked: undefined });
      break;
    case 'answer':
      if (message.id === nextId - 1) change({ asked: undefined, problem: message.error });
      break;
    default:
      message satisfies never;
  }
});

function ask(wish: Wish): void {
  change({ asked: wish, problem: undefined });
  connection.send({ id: nextId++, wish });
}

function setLanguage(next: Language): void {
  language = next;
  draw();
}

function draw(): void {
  if (root)
    render(
      <App
        shown={shown}
        language={language}
        onWish={ask}
        onLanguage={setLanguage}
        onDismiss={() => change({ problem: undefined })}
      />,
      root,
    );
}
draw();
