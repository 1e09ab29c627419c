/**
 * `flexdeploy.json`, the file on the FAT partition FLEXDEPLOY of the boot medium that people edit by hand.
 * Written by `npm run build -- config`, read by the runtime on the PC. Every key is optional.
 */
import { type Static, Type } from 'typebox';

const Ipv4 = Type.String({ format: 'ipv4', description: 'an IPv4 address such as 192.168.1.20' });

export const KEYBOARDS = ['us', 'gb', 'pt', 'br', 'de', 'fr', 'es', 'it'] as const;

export const BootConfig = Type.Object(
  {
    server: Type.Optional(
      Type.String({
        pattern: '^([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\\[[0-9A-Fa-f:]+\\])(:[0-9]{1,5})?$',
        description: 'host name or address, and :port if it is not 443',
      }),
    ),
    ca: Type.Optional(
      Type.String({
        pattern: '^(sha256:([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}|-----BEGIN CERTIFICATE-----[\\s\\S]+)$',
        description: 'sha256: and the fingerprint that the server shows on its console, or the certificate in PEM form',
      }),
    ),
    keyboard: Type.Optional(
      Type.Union(
        KEYBOARDS.map((k) => Type.Literal(k)),
        { description: `one of ${KEYBOARDS.join(', ')}` },
      ),
    ),
    language: Type.Optional(Type.Union([Type.Literal('en'), Type.Literal('pt')], { description: 'en or pt' })),
    pcName: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$',
        description: 'letters, digits and -, at most 63',
      }),
    ),
    network: Type.Optional(
      Type.Union(
        [
          Type.Object({ mode: Type.Literal('dhcp') }, { additionalProperties: false }),
          Type.Object(
            {
              mode: Type.Literal('static'),
              address: Type.String({
                pattern: '^(\\d{1,3}\\.){3}\\d{1,3}/\\d{1,2}$',
                description: 'address/prefix such as 192.168.1.20/24',
              }),
              gateway: Type.Optional(Ipv4),
              dns: Type.Optional(Type.Array(Ipv4, { maxItems: 3 })),
            },
            { additionalProperties: false },
          ),
        ],
        {
          description:
            '{"mode":"dhcp"} or {"mode":"static","address":"192.168.1.20/24","gateway":"192.168.1.1","dns":["192.168.1.1"]}',
        },
      ),
    ),
  },
  { additionalProperties: false },
);
export type BootConfig = Static<typeof BootConfig>;

/** Bytes that `flexdeploy.json` may have at most. */
export const BOOT_CONFIG_MAX_BYTES = 64 * 1024;
