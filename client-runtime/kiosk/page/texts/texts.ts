/**
 * Every word the page shows. A language that lacks a key does not compile; a key no screen uses is found by reading
 * the screens, which are few.
 */

import type { KEYBOARDS } from '#common/protocol/config.ts';
import type { Desktop } from '#common/protocol/desktop.ts';
import type { Language, LinkProblem, LoginProblem, Notice } from '../../protocol.ts';
import type { CopyTexts } from './copies.ts';
import { en } from './en.ts';
import { pt } from './pt.ts';

type Of<T> = (value: T) => string;
type EndReason = Extract<LoginProblem, { kind: 'sessionEnded' }>['reason'];
interface ProblemTexts {
  /** One short line: what is wrong. */
  title: string;
  /** What it means; gets the server's host where the problem has one. */
  text: string | Of<string>;
  /** What a person can do, first the easiest. */
  tries: readonly string[];
}

export interface Texts {
  common: Record<'cancel' | 'close' | 'dismiss' | 'tryNow' | 'technicalDetail' | 'logOut', string> & {
    loggedInAs: Of<string>;
  };
  connection: Record<'lost' | 'lostMore', string>;
  starting: Record<'title' | 'text', string>;
  noServer: Record<
    'trying' | 'noticesItself' | 'whatToTry' | 'expected' | 'found' | 'server' | 'restartToRead',
    string
  > & {
    retryIn: Of<string>;
    problems: Record<LinkProblem['kind'], ProblemTexts>;
  };
  login: Record<
    | 'title'
    | 'introNoName'
    | 'user'
    | 'password'
    | 'show'
    | 'hide'
    | 'capsLock'
    | 'submit'
    | 'busy'
    | 'userMissing'
    | 'passwordMissing'
    | 'wrongLogin'
    | 'wrongLoginMore'
    | 'lockedOut'
    | 'lockedOutOver'
    | 'failed'
    | 'failedMore',
    string
  > & { intro: Of<string>; lockedOutMore: Of<string>; ended: Record<EndReason, string> };
  desktops: Record<
    | 'title'
    | 'list'
    | 'none'
    | 'noneMore'
    | 'open'
    | 'openHere'
    | 'startAgain'
    | 'shutDown'
    | 'keys'
    | 'keysOne'
    | 'facts'
    | 'inUseMore'
    | 'confirmShutDownText',
    string
  > &
    Record<'openNamed' | 'shutDownNamed' | 'confirmShutDown', Of<string>> & {
      processors: Of<number>;
      state: Record<Desktop['state']['kind'] | 'inUse', string>;
      notice: Record<Notice['kind'], Of<string>>;
    };
  opening: {
    title: Of<string>;
    elapsed: Of<string>;
    patience: string;
    dark: Of<string>;
    darkMore: string;
    showNow: string;
  };
  inUse: { title: Of<string>; text: string };
  serverLost: Record<'title' | 'comesBack' | 'noDesktop', string> &
    Record<'since' | 'desktop' | 'here' | 'openHere', Of<string>>;
  copies: CopyTexts;
  goingDown: Record<'powerOff' | 'restart', Record<'title' | 'text', string>>;
  power: Record<'menu' | 'restart' | 'powerOff' | 'confirmRestart' | 'confirmPowerOff' | 'text', string>;
  status: Record<
    | 'pc'
    | 'address'
    | 'noAddress'
    | 'version'
    | 'server'
    | 'noServer'
    | 'connected'
    | 'notConnected'
    | 'language'
    | 'keyboard',
    string
  > & { moreAddresses: Of<number> };
  config: Record<'text' | 'wholeFile' | 'allowed', string> & { title: Of<number>; badge: Of<number> };
  /** Each language in its own words. */
  languages: Record<Language, string>;
  keyboards: Record<(typeof KEYBOARDS)[number], string>;
}

export const TEXTS: Record<Language, Texts> = { en, pt };
