/** The QEMU command line of a lab machine: pure functions, one for each device. */
import { createHash } from 'node:crypto';
import { type Accelerator, acceleratorArguments } from './accelerator.ts';

export type MachineFirmware = 'bios' | 'uefi' | 'uefi-secure-boot';

export interface Disk {
  /** Serial number the guest sees; also the name of the device in QMP. */
  serial: string;
  /** Image that stays as it is: the machine writes to a layer of its own over it. */
  base?: string;
  /** Size in MiB of a blank disk, without `base`; with it, grow to this. */
  sizeMiB?: number;
  /** `usb`: a stick that can be pulled; `sata`: the plain disk of a PC. */
  bus?: 'virtio' | 'usb' | 'sata';
  /** A flush of the guest waits for this machine's own disk: for what is to be measured. */
  flushes?: true;
}

export interface HostForward {
  protocol: 'tcp' | 'udp';
  hostPort: number;
  guestPort: number;
}

/** A network card behind its own NAT: only TCP and UDP pass, and only outwards but for `forwards`. */
export interface Nic {
  /** Connected to a switch where nobody else is: no DHCP server, no router. */
  alone?: boolean;
  forwards?: readonly HostForward[];
  /** IPv4 network of the guest's side, such as `192.168.77.0/24`; QEMU's 10.0.2.0/24 unless given. */
  network?: string;
}

export interface MachineOptions {
  memoryMiB: number;
  cpus?: number;
  firmware?: MachineFirmware;
  disks?: readonly Disk[];
  cdrom?: string;
  /** Boots this kernel without firmware and boot loader: the quick way when the boot itself is not the subject. */
  kernel?: { image: string; initrd: string; commandLine: string };
  /** One card with its own NAT unless given; an empty list for a PC without network card. */
  nics?: readonly Nic[];
  video?: 'virtio' | 'std';
  /** Resolution that the screen prefers; 1280x800 unless given. */
  display?: { width: number; height: number };
  /** systemd credentials that the machine is given by its firmware (SMBIOS type 11), see systemd.system-credentials(7). */
  credentials?: Readonly<Record<string, string>>;
  /** A balloon device, through which the guest tells how much memory it uses. */
  memoryStatistics?: boolean;
}

/** Files that belong to one running machine. */
export interface MachineFiles {
  qmp: string;
  vnc: string;
  /** What the guest writes to ttyS0; grows over restarts of the machine. */
  serial: string;
  /** Socket of the virtio console hvc0. */
  console: string;
  /** Writable copy of the UEFI variables. */
  uefiVariables: string;
  /** Serial of a disk -> qcow2 file. */
  disks: ReadonlyMap<string, string>;
}

const OVMF = '/usr/share/OVMF';

/** Where the UEFI code and the template of its variables are. */
export function uefiFiles(firmware: MachineFirmware): { code: string; variables: string } | undefined {
  switch (firmware) {
    case 'bios':
      return undefined;
    case 'uefi':
      return { code: `${OVMF}/OVMF_CODE_4M.fd`, variables: `${OVMF}/OVMF_VARS_4M.fd` };
    case 'uefi-secure-boot':
      return { code: `${OVMF}/OVMF_CODE_4M.secboot.fd`, variables: `${OVMF}/OVMF_VARS_4M.ms.fd` };
  }
}

/** The whole command line. `name` is what QEMU shows as the machine's name. */
export function commandLine(
  name: string,
  options: MachineOptions,
  files: MachineFiles,
  accelerator: Accelerator,
): [string, ...string[]] {
  const { cpus = 2, firmware = 'bios', nics = [{}] } = options;
  return [
    'qemu-system-x86_64',
    ...['-name', name, '-uuid', identity(name).uuid, '-nodefaults', '-no-user-config', '-display', 'none'],
    ...acceleratorArguments(accelerator),
    ...machineArguments(firmware, files),
    ...['-smp', String(cpus), '-m', String(options.memoryMiB)],
    ...['-qmp', `unix:${files.qmp},server=on,wait=off`, '-vnc', `unix:${files.vnc}`],
    ...videoArguments(options),
    ...(options.memoryStatistics ? ['-device', 'virtio-balloon-pci,id=balloon'] : []),
    ...Object.entries(options.credentials ?? {}).flatMap(credentialArguments),
    ...['-device', 'qemu-xhci,id=usb', '-device', 'usb-tablet,bus=usb.0', '-device', 'virtio-rng-pci'],
    ...['-chardev', `file,id=serial0,path=${files.serial},append=on`, '-serial', 'chardev:serial0'],
    ...['-chardev', `socket,id=console0,path=${files.console},server=on,wait=off`],
    ...['-device', 'virtio-serial-pci', '-device', 'virtconsole,chardev=console0'],
    ...(options.disks ?? []).flatMap((disk, index) => diskArguments(disk, index, files)),
    ...(options.cdrom ? cdromArguments(options.cdrom) : []),
    ...(options.kernel ? kernelArguments(options.kernel) : []),
    ...nics.flatMap((nic, index) => nicArguments(nic, index, identity(name).mac)),
  ];
}

function videoArguments({ video = 'virtio', display = { width: 1280, height: 800 } }: MachineOptions): string[] {
  const device = video === 'virtio' ? 'virtio-vga' : 'VGA,edid=on';
  return ['-device', `${device},xres=${display.width},yres=${display.height}`];
}

function credentialArguments([name, value]: [string, string]): string[] {
  return ['-smbios', `type=11,value=io.systemd.credential:${comma(name)}=${comma(value)}`];
}

function machineArguments(firmware: MachineFirmware, files: MachineFiles): string[] {
  const uefi = uefiFiles(firmware);
  if (!uefi) return ['-machine', 'q35'];
  const secure = firmware === 'uefi-secure-boot';
  return [
    ...['-machine', secure ? 'q35,smm=on' : 'q35', '-global', 'ICH9-LPC.disable_s3=1'],
    ...(secure ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : []),
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${uefi.code}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${files.uefiVariables}`],
  ];
}

function diskArguments(disk: Disk, index: number, files: MachineFiles): string[] {
  const file = files.disks.get(disk.serial);
  if (file === undefined) throw new Error(`no file for disk ${disk.serial}`);
  const common = `id=${disk.serial},drive=node-${disk.serial},serial=${disk.serial},bootindex=${index + 10}`;
  // no-flush: what QEMU has written survives QEMU's death in the host's page cache; waiting for the host's disk would
  // only make every test slower. The raw node does nothing: its child can be changed while the machine runs.
  const flush = disk.flushes ? '' : ',cache.no-flush=on';
  const layer = `driver=qcow2,node-name=layer-${disk.serial}${flush},discard=unmap`;
  const block = [
    ...['-blockdev', `${layer},file.driver=file,file.filename=${comma(file)}`],
    ...['-blockdev', `driver=raw,node-name=node-${disk.serial},file=layer-${disk.serial}${flush}`],
  ];
  switch (disk.bus ?? 'virtio') {
    case 'virtio':
      return [...block, '-device', `virtio-blk-pci,${common}`];
    case 'sata':
      return [...block, '-device', `ide-hd,bus=ide.${index},${common}`];
    case 'usb':
      return [...block, '-device', `usb-storage,bus=usb.0,removable=on,${common}`];
  }
}

function cdromArguments(iso: string): string[] {
  return [
    ...['-blockdev', `driver=raw,node-name=node-cd,read-only=on,file.driver=file,file.filename=${comma(iso)}`],
    ...['-device', 'ide-cd,bus=ide.5,id=cd,drive=node-cd,bootindex=1'],
  ];
}

function kernelArguments(kernel: NonNullable<MachineOptions['kernel']>): string[] {
  return ['-kernel', kernel.image, '-initrd', kernel.initrd, '-append', kernel.commandLine];
}

/** What tells one PC from another: DMI UUID, and the MAC address but for its last byte. The same name, the same PC. */
function identity(name: string): { uuid: string; mac: string } {
  const hex = createHash('sha256').update(name).digest('hex');
  const [a, b, c, d, e] = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(13, 16), hex.slice(17, 20), hex.slice(20, 32)];
  return { uuid: `${a}-${b}-4${c}-8${d}-${e}`, mac: `52:54:00:${hex.slice(0, 2)}:${hex.slice(2, 4)}` };
}

function nicArguments(nic: Nic, index: number, macStart: string): string[] {
  const forwards = (nic.forwards ?? []).map((f) => `,hostfwd=${f.protocol}:127.0.0.1:${f.hostPort}-:${f.guestPort}`);
  const net = nic.network ? `,net=${nic.network}` : '';
  const mac = `${macStart}:${(16 + index).toString(16)}`;
  return [
    ...[
      '-netdev',
      nic.alone ? `hubport,id=net${index},hubid=${index}` : `user,id=net${index}${net}${forwards.join('')}`,
    ],
    // the longest queue that it takes: what does not fit into it is lost, and 256 packets are one burst for a slow guest
    ...['-device', `virtio-net-pci,id=nic${index},netdev=net${index},mac=${mac},romfile=,rx_queue_size=1024`],
  ];
}

/** QEMU's option syntax separates by commas; a comma in a value is doubled. */
function comma(value: string): string {
  return value.replaceAll(',', ',,');
}
