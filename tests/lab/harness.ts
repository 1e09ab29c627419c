import type { Test } from 'tap';
import { ensureDebianPackages } from '../../builder/debian-packages.ts';
import { Deployment } from './deployment.ts';
import { ensureImages, type ImageName } from './images.ts';
import { assertRoom } from './room.ts';

/** The tests of one file, in order, on one set of machines. After the first failure the rest would only wait. */
export type Chapter = (sentence: string, work: (t: Test) => Promise<void>) => void;

export interface LabTest {
  deployment: Deployment;
  chapter: Chapter;
}

/**
 * Images, a server that is switched off, and chapters. Everything is taken down when the file's tests have ended; the
 * screens of a failure are in `out/lab/NAME/`.
 */
export async function labTest(
  t: Test,
  name: string,
  options: { images: readonly ImageName[]; serverDebug?: boolean; memoryGiB: number; network?: string },
): Promise<LabTest> {
  t.setTimeout(0); // deadlines are in the chapters themselves, and building images takes minutes
  await ensureDebianPackages();
  await assertRoom({ memoryGiB: options.memoryGiB, diskGiB: 5, folder: '/var/tmp' });
  // the accelerator is probed with the plain client's kernel
  await ensureImages([...new Set<ImageName>(['client', ...options.images])], (line) => t.comment(line));
  const deployment = await Deployment.prepare(name, {
    debug: options.serverDebug ?? false,
    ...(options.network && { network: options.network }),
  });
  t.teardown(() => deployment.close());
  let broken: string | undefined;
  const chapter: Chapter = (sentence, work) => {
    t.test(sentence, { timeout: 0 }, async (t) => {
      if (broken !== undefined) return void t.fail(`not tried, since this failed: ${broken}`);
      try {
        await deployment.lab.keepingEvidence(() => work(t));
        t.pass('every step was seen');
        if (!t.passing()) broken = sentence;
      } catch (error) {
        broken = sentence;
        throw error;
      }
    });
  };
  return { deployment, chapter };
}
