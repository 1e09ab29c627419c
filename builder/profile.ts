/**
 * What a profile is: a TypeScript file in `builder/profiles/` that says, as data, what goes into an image.
 * The recipe in `build.ts` does the same steps for every profile of a kind.
 */

/** A program or page that esbuild makes from TypeScript. Paths `entry` are relative to the checkout, `to` to the image. */
export type Bundle =
  /** One ES module file for Node, everything inside. */
  | { kind: 'node'; entry: string; to: string }
  /** One classic script for gjs (`imports.gi` stays outside). */
  | { kind: 'gjs'; entry: string; to: string }
  /** A page; `make` writes its files into a folder, which becomes `to`. */
  | { kind: 'page'; make: (outDir: string) => Promise<void>; to: string };

/** A file that is written by the build and is not in the repository. `mode` in octal, 0o644 unless told. */
export interface ExtraFile {
  to: string;
  content: string;
  mode?: number;
}

/** A system account made in the root layer. Numbers are fixed so that the same inputs give the same bytes. */
export interface SystemUser {
  name: string;
  uid: number;
  home: string;
  /** Further groups; made (with a number from 900 up) if the packages do not bring them. */
  groups: readonly string[];
}

/** What mmdebstrap installs and what is thrown away afterwards: the inputs of the cached root layer. */
export interface RootSpec {
  /** Debian packages; dependencies come by themselves, recommendations do not. */
  packages: readonly string[];
  /** Packages of which an older version will not do, and why. Checked before the layer goes into an image. */
  atLeast?: Readonly<Record<string, { version: string; because: string }>>;
  /** Firmware packages, only installed with `--firmware` (adds the component non-free-firmware). */
  firmware: readonly string[];
  /** dpkg `path-exclude` patterns: never unpacked. */
  pathExcludes: readonly string[];
  /** dpkg `path-include` patterns: exceptions from `pathExcludes`. */
  pathIncludes: readonly string[];
  /** Paths (with `*` and `**`) relative to the root that are removed after the installation. */
  trim: readonly string[];
  users: readonly SystemUser[];
  /** argv arrays, run inside the new root in this order after the installation and before `trim`. */
  chrootCommands: readonly (readonly [string, ...string[]])[];
}

interface ProfileBase {
  name: string;
  /** One line for `--help`. */
  title: string;
  root: RootSpec;
  /** Folders below `image-overlay/`, copied over the root in this order. */
  overlays: readonly string[];
  bundles: readonly Bundle[];
  /** Puts the pinned Node at /usr/lib/flexdeploy/node. */
  withNode: boolean;
  /** systemd units to enable, as `unit` -> the target that wants it. */
  enable: readonly { unit: string; wantedBy: string }[];
  /** systemd units that must not start. */
  mask: readonly string[];
  /** Files that depend on nothing but the profile. */
  files: readonly ExtraFile[];
}

/** Which modules of the Debian kernel come along. Patterns are relative to /lib/modules/VERSION/kernel. */
export interface KernelModules {
  keep: readonly string[];
  drop: readonly string[];
  /** Drivers that do nothing without the profile's firmware: dropped too unless it is installed. */
  needFirmware: readonly string[];
}

/** A system that lives in its initrd: ISO, kernel, initrd. */
export interface LiveProfile extends ProfileBase {
  kind: 'live';
  /** Kernel command line of the normal menu entry. */
  kernelCommandLine: readonly string[];
  modules: KernelModules;
}

/** A system on a disk image (qcow2). */
export interface DiskProfile extends ProfileBase {
  kind: 'disk';
  kernelCommandLine: readonly string[];
  /** Size that the disk shows to the machine, in GiB. */
  diskGiB: number;
  /** Installs the guest agent's .deb; what its window needs is among the packages (`WINDOW_PACKAGES`). */
  withAgent?: true;
}

export type Profile = LiveProfile | DiskProfile;

/** Documentation and translations that no image needs; licence texts stay. */
export const COMMON_PATH_EXCLUDES: readonly string[] = [
  '/usr/share/doc/*',
  '/usr/share/man/*',
  '/usr/share/info/*',
  '/usr/share/locale/*',
  '/usr/share/lintian/*',
  '/usr/share/bug/*',
  '/usr/share/doc-base/*',
  '/usr/share/gtk-doc/*',
  '/usr/share/help/*',
];
export const COMMON_PATH_INCLUDES: readonly string[] = ['/usr/share/doc/*/copyright', '/usr/share/locale/locale.alias'];
