/**
 * The agent as a Windows service. A service has to speak with Windows' service manager, which Node does not; a small program
 * (service-host.c, inside the .exe) does that and nothing else: it starts `flexdeploy-agent.exe serve`, starts it
 * again when it ends, and ends it when the service is stopped.
 */
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { messageOf, UserError } from '#common/errors.ts';
import { RunError, run } from '#common/run.ts';
import { windowsEnvironment } from './windows-environment.ts';

const SERVICE = 'FlexDeployAgent';
const TITLE = 'FlexDeploy agent';
/** sc.exe: there is no such service (ERROR_SERVICE_DOES_NOT_EXIST); it is not running (ERROR_SERVICE_NOT_ACTIVE). */
const NO_SERVICE = 1060;
const NOT_ACTIVE = 1062;
/** sc.exe: access is denied (ERROR_ACCESS_DENIED). */
const DENIED = 5;

/** Copies the program to its folder, makes the service that starts with Windows, and starts it. */
export async function installService(): Promise<void> {
  if (!isSea()) throw new UserError('only the .exe made by the builder can be a service');
  await stop();
  const folder = programFolder();
  const program = join(folder, 'flexdeploy-agent.exe');
  const host = join(folder, 'flexdeploy-agent-service.exe');
  await mkdir(folder, { recursive: true });
  if (process.execPath.toLowerCase() !== program.toLowerCase()) await copyFile(process.execPath, program);
  await writeFile(host, new Uint8Array(getAsset('service-host.exe')));
  const quoted = `"${host}"`;
  if (await exists()) await sc('config', SERVICE, 'binPath=', quoted, 'start=', 'auto');
  else await sc('create', SERVICE, 'binPath=', quoted, 'start=', 'auto', 'DisplayName=', TITLE);
  await sc('description', SERVICE, 'Shows where this desktop runs and moves it between server and PC.');
  await sc('failure', SERVICE, 'reset=', '3600', 'actions=', 'restart/5000/restart/5000/restart/60000');
  await sc('start', SERVICE);
  await addToStartMenu(program);
  console.log(`The service ${SERVICE} runs, and starts with Windows. Its program is ${program}.`);
}

/** Stops and removes the service. The program's folder stays if this very program runs from it. */
export async function uninstallService(): Promise<void> {
  await stop();
  if (await exists()) await sc('delete', SERVICE);
  await rm(startMenuEntry(), { force: true });
  const folder = programFolder();
  if (!process.execPath.toLowerCase().startsWith(folder.toLowerCase()))
    await rm(folder, { recursive: true, force: true });
  console.log(`The service ${SERVICE} is gone.`);
}

function startMenuEntry(): string {
  const programs = join(process.env.ProgramData ?? 'C:\\ProgramData', 'Microsoft\\Windows\\Start Menu\\Programs');
  return join(programs, 'Where is my desktop.lnk');
}

/** Only Windows itself can write such a file; PowerShell is the part of it that can be asked. */
async function addToStartMenu(program: string): Promise<void> {
  const powershell = join(system32(), 'WindowsPowerShell\\v1.0\\powershell.exe');
  // values by environment: nothing to quote. 7: the console that belongs to the program stays small
  const script =
    '$link = (New-Object -ComObject WScript.Shell).CreateShortcut($env:FD_LINK); ' +
    "$link.TargetPath = $env:FD_PROGRAM; $link.Arguments = 'window'; $link.WindowStyle = 7; $link.Save()";
  const env = { ...windowsEnvironment(), FD_LINK: startMenuEntry(), FD_PROGRAM: program };
  try {
    await run([powershell, '-NoProfile', '-NonInteractive', '-Command', script], { env });
  } catch (error) {
    console.error(`There is no entry in the Start menu: ${messageOf(error)}`);
  }
}

function programFolder(): string {
  return join(process.env.ProgramFiles ?? 'C:\\Program Files', 'FlexDeploy');
}

async function exists(): Promise<boolean> {
  return (await sc('query', SERVICE)) !== NO_SERVICE;
}

async function stop(): Promise<void> {
  if (!(await exists())) return;
  await sc('stop', SERVICE);
  for (let i = 0; i < 50; i++) {
    const { stdout } = await run([scPath(), 'query', SERVICE], { env: windowsEnvironment() });
    if (/STATE\s*:\s*1\b/.test(stdout)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new UserError(`the service ${SERVICE} does not stop`);
}

function system32(): string {
  return join(process.env.SystemRoot ?? 'C:\\Windows', 'System32');
}

function scPath(): string {
  return join(system32(), 'sc.exe');
}

/** Runs sc.exe. Returns its exit code: 0, "no such service" or "not active". */
async function sc(...args: string[]): Promise<number> {
  try {
    const { code } = await run([scPath(), ...args], {
      env: windowsEnvironment(),
      okExitCodes: [0, NO_SERVICE, NOT_ACTIVE],
    });
    return code;
  } catch (error) {
    if (error instanceof RunError && error.code === DENIED)
      throw new UserError('this needs an administrator', {
        hint: 'Open the command prompt with "Run as administrator".',
        cause: error,
      });
    throw error;
  }
}
