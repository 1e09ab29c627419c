import { useEffect, useMemo, useState } from 'preact/hooks';
import type { KioskCommand, KioskState, Screen } from '../protocol.ts';
import { KioskContext, useKiosk } from './context.ts';
import { Button } from './parts/button.tsx';
import { ConfigProblems } from './parts/config-problems.tsx';
import { Icon } from './parts/icon.tsx';
import { Logo } from './parts/logo.tsx';
import { StatusBar } from './parts/status-bar.tsx';
import { Desktops } from './screens/desktops.tsx';
import { GoingDown } from './screens/going-down.tsx';
import { InUse } from './screens/in-use.tsx';
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
  const [closed, setClosed] = useState('[]');
  const showProblems = problems.length > 0 && closed !== problemsKey;
  const closeProblems = () => {
    setClosed(problemsKey);
    document.querySelector<HTMLElement>('main input, main .button.primary')?.focus();
  };

  useEffect(() => {
    document.documentElement.lang = localeOf(language);
  }, [language]);

  return (
    <KioskContext.Provider value={kiosk}>
      {!connected && <ConnectionLost />}
      <Header screen={state?.screen} />
      <main>
        <div class="stage">
          {showProblems && <ConfigProblems problems={problems} onClose={closeProblems} />}
          {state ? <ScreenOf screen={state.screen} serverName={state.serverName} /> : <Starting />}
        </div>
      </main>
      {state && (
        <StatusBar
          state={state}
          onShowConfig={problems.length > 0 && !showProblems ? () => setClosed('[]') : undefined}
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
      return <Desktops userName={screen.userName} desktops={screen.desktops} notice={screen.notice} />;
    case 'opening':
      return <Opening desktop={screen.desktop} step={screen.step} since={screen.since} />;
    case 'inUse':
      return <InUse desktop={screen.desktop} />;
    case 'serverLost':
      return <ServerLost since={screen.since} problem={screen.problem} desktop={screen.desktop} />;
    case 'goingDown':
      return <GoingDown action={screen.action} />;
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
