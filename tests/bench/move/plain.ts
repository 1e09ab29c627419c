/**
 * The peer: the same machine in the same unit, its disk a raw file that both places see, moved by QEMU as it is: no
 * capability switched on, every parameter QEMU's own but the bandwidth, which would be 128 MiB/s.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { queryMigration } from '#common/qemu/migration.ts';
import type { TransientService } from '#common/systemd/transient.ts';
import { Place } from './place.ts';
import { ordered, type Side } from './side.ts';

const FOLDER = '/srv/bench';
const DISK = `${FOLDER}/disk.raw`;
const ARRIVAL = 'tcp:127.0.0.1:40201';
/** Bytes a second: more than there is. */
const NO_LIMIT = 16 * 1024 ** 3;
/** Milliseconds between two looks at whether it is over. */
const LOOK_EVERY = 100;

const PLACES: readonly [Place, Place] = [
  new Place({ name: 'here', disk: DISK, screenPort: 5910, adapt }),
  new Place({ name: 'there', disk: DISK, screenPort: 5911, adapt }),
];

export const plain: Side = {
  places: PLACES,

  async move(from) {
    const { source, target } = ordered(PLACES, from);
    await target.startUnit({ incoming: true });
    await target.machine.connect();
    await target.qmp.execute('migrate-incoming', { uri: ARRIVAL });
    await source.qmp.execute('migrate-set-parameters', { 'max-bandwidth': NO_LIMIT });
    await source.qmp.execute('migrate', { uri: ARRIVAL });
    for (;;) {
      const { underWay, completed } = await queryMigration(source.qmp);
      if (completed) return;
      if (!underWay)
        throw new Error(`QEMU did not move it: ${JSON.stringify(await source.qmp.execute('query-migrate'))}`);
      await sleep(LOOK_EVERY);
    }
  },

  async finish(from) {
    await ordered(PLACES, from).source.machine.end();
  },
};

/** A file instead of a block device; and no `-S`, so that it goes on by itself as soon as it has arrived. */
function adapt(service: TransientService): TransientService {
  const [program, ...args] = service.argv;
  const store = args.map((a) => a.replace(/^driver=host_device,(?=node-name=disk0-store,)/, 'driver=file,'));
  return {
    ...service,
    properties: { ...service.properties, DeviceAllow: '/dev/kvm rw', ReadWritePaths: FOLDER },
    argv: [program, ...store.filter((a) => a !== '-S')],
  };
}
