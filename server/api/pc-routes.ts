import { Type } from 'typebox';
import { ChangePc, ChangeSettings, Pc, Settings } from '#common/protocol/client-server.ts';
import { SYNC_LIMIT_SETTING } from '../attachments/attachments.ts';
import { deleteSetting, readSetting, writeSetting } from '../database/settings.ts';
import type { Services } from './services.ts';
import { errors, type TypedApp } from './typed.ts';

const UuidParams = Type.Object({ uuid: Type.String() });

/** PCs, and what holds for all of them. For administrators. */
export function addPcRoutes(app: TypedApp, { pcs, attachments, database }: Services): void {
  const config = { admin: true };

  app.get(
    '/pcs',
    { config, schema: { summary: 'PCs that have logged in', response: { 200: Type.Array(Pc), ...errors } } },
    async () => await pcs.list(),
  );

  app.patch(
    '/pcs/:uuid',
    {
      config,
      schema: {
        summary: 'Pin disks, limit the bandwidth',
        params: UuidParams,
        body: ChangePc,
        response: { 200: Pc, ...errors },
      },
    },
    async (request) => {
      const changed = await pcs.change(request.params.uuid, request.body);
      await attachments.limitsChanged();
      return changed;
    },
  );

  const settings = async (): Promise<Settings> => {
    const limit = await readSetting(database, SYNC_LIMIT_SETTING);
    return limit === undefined ? {} : { syncLimitKiBps: Number(limit) };
  };

  app.get(
    '/settings',
    { config, schema: { summary: 'What holds for the whole server', response: { 200: Settings, ...errors } } },
    settings,
  );

  app.patch(
    '/settings',
    {
      config,
      schema: { summary: 'Change it', body: ChangeSettings, response: { 200: Settings, ...errors } },
    },
    async (request) => {
      const { syncLimitKiBps } = request.body;
      if (syncLimitKiBps === null) await deleteSetting(database, SYNC_LIMIT_SETTING);
      else if (syncLimitKiBps !== undefined) await writeSetting(database, SYNC_LIMIT_SETTING, String(syncLimitKiBps));
      await attachments.limitsChanged();
      return await settings();
    },
  );
}
