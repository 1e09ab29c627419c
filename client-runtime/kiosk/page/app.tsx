import { useEffect, useMemo, useState } from 'preact/hooks';
import type { KioskCommand, KioskState, Screen } from '../protocol.ts';
import { KioskContext, useKiosk } from './context.ts';
import { Button } from './parts/button.tsx';
import { ConfigProblems } from './parts/config-problems.tsx';
import { Ground } from './parts/ground.tsx';
import { Icon } from './parts/icon.tsx';
import { Logo } from './parts/logo.tsx';
import { StatusBar } from './parts/status-bar.tsx';
import { Desktops } from './screens/desktops.tsx';
import { Disks } from './screens/disks.tsx';
import { GoingDown } from './screens/going-down.tsx';
import { InUse } from './screens/in-use.tsx';
import { Leaving } from './screens/leaving.tsx';
import { Login } from './screens/login.tsx';
import { NoServer } from './screens/no-server.tsx';
import { Opening } from './screens/opening.tsx';
import { ServerLost } from './screens/server-lost.tsx';
import { Starting } from './screens/starting.tsx';
import { localeOf } from './texts/format.ts';
import { TEXTS } from './texts/texts.ts';

export interface AppProps {
  /** Missing until the runtime has said something. */
  state: KioskState | undefined;
  /** False while the runtime cannot be reached for so long that the person should know. */
  connected: boolean;
  send: (command: KioskCommand) => boolean;
}

export function App({ state, connected, send }: AppProps) {
  const language = state?.language ?? 'en';
  const kiosk = useMemo(() => ({ texts: TEXTS[language], language, send }), [language, send]);
  const problems = state?.configProblems ?? [];
  // What was closed is remembered by what it said: other problems open the panel again.
  const problemsKey = JSON.stringify(problems);
  const [choice, setChoice] = useState<{ key: string; open: boolean }>();
  const openProblems = choice?.key === problemsKey ? choice.open : whoseTask(state?.screen) === 'setting up';
  const showProblems = problems.length > 0 && openProblems;
  const closeProblems = () => {
    setChoice({ key: problemsKey, open: false });
    document.querySelector<HTMLElement>('main input, main .button.primary')?.focus();
  };

  useEffect(() => {
    document.documentElement.lang = localeOf(language);
  }, [language]);

  return (
    <KioskContext.Provider value={kiosk}>
      {!connected && <ConnectionLost />}
      <Header screen={state?.screen} />
      <Ground />
      <main>
        <div class={`stage on-${state?.screen.kind ?? 'starting'}`}>
          {state ? <ScreenOf screen={state.screen} serverName={state.serverName} /> : <Starting />}
          {showProblems && <ConfigProblems problems={problems} onClose={closeProblems} />}
        </div>
      </main>
      {state && (
        <StatusBar
          state={state}
          onShowConfig={
            problems.length > 0 && !showProblems ? () => setChoice({ key: problemsKey, open: true }) : undefined
          }
        />
      )}
    </KioskContext.Provider>
  );
}

function ScreenOf({ screen, serverName }: { screen: Screen; serverName: string | undefined }) {
  switch (screen.kind) {
    case 'starting':
      return <Starting />;
    case 'noServer':
      return <NoServer problem={screen.problem} nextTryAt={screen.nextTryAt} />;
    case 'login':
      return <Login busy={screen.busy} problem={screen.problem} serverName={serverName} />;
    case 'desktops':
      return <Desktops desktops={screen.desktops} offers={screen.offers} notice={screen.notice} />;
    case 'disks':
      return <Disks screen={screen} />;
    case 'opening':
      return <Opening desktop={screen.desktop} step={screen.step} since={screen.since} dark={screen.dark} />;
    case 'inUse':
      return <InUse desktop={screen.desktop} />;
    case 'serverLost':
      return <ServerLost since={screen.since} problem={screen.problem} desktop={screen.desktop} here={screen.here} />;
    case 'leaving':
      return <Leaving action={screen.action} desktop={screen.desktop} step={screen.step} />;
    case 'goingDown':
      return <GoingDown action={screen.action} />;
  }
}

/** A person who is at work with their desktops is not bothered with the PC's settings: the mark in the bar will do. */
function whoseTask(screen: Screen | undefined): 'setting up' | 'working' {
  switch (screen?.kind) {
    case undefined:
    case 'starting':
    case 'noServer':
    case 'login':
    case 'serverLost':
      return 'setting up';
    case 'desktops':
    case 'disks':
    case 'opening':
    case 'inUse':
    case 'leaving':
    case 'goingDown':
      return 'working';
  }
}

function Header({ screen }: { screen: Screen | undefined }) {
  const { texts, send } = useKiosk();
  return (
    <header class="top-bar">
      <Logo />
      {screen?.kind === 'desktops' && (
        <div class="account">
          <span class="account-name" title={texts.common.loggedInAs(screen.userName)}>
            <Icon name="user" />
            <span>{screen.userName}</span>
          </span>
          <Button icon="logOut" onPress={() => send({ do: 'logOut' })}>
            {texts.common.logOut}
          </Button>
        </div>
      )}
    </header>
  );
}

function ConnectionLost() {
  const { texts } = useKiosk();
  return (
    <div class="connection-lost" role="alert">
      <Icon name="warning" />
      <p>
        <strong>{texts.connection.lost}</strong> {texts.connection.lostMore}
      </p>
    </div>
  );
}
