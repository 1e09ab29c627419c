/** The QEMU command line, a device a function: values in, arguments out, nothing else. */
import { UserError } from '#common/errors.ts';
import { AGENT_PORT_NAME, CPU_MODEL, MACHINE_TYPE, type Machine, USB_REDIRECTION_CHANNELS } from './machine.ts';

/** A value of a `key=value,…` option. QEMU doubles a comma to escape it; control characters have no business there. */
export function value(text: string | number): string {
  const string = String(text);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(string)) throw new UserError('a value with control characters');
  return string.replaceAll(',', ',,');
}

export function identity({ name, uuid }: Machine): string[] {
  return ['-name', `guest=${value(name)},process=flexdeploy-desktop`, '-uuid', value(uuid)];
}

/** Nothing that we did not ask for, and nothing of what QEMU may do to the host that it does not need. */
export function hardening(): string[] {
  return [
    '-no-user-config',
    '-nodefaults',
    '-display',
    'none',
    '-sandbox',
    'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
  ];
}

/** Chipset, processor, memory. Suspend is off: a desktop that sleeps cannot be woken from the kiosk. */
export function board({ cpus, memoryMiB }: Machine): string[] {
  return [
    '-machine',
    `${MACHINE_TYPE},accel=kvm,usb=off,vmport=off,hpet=off,dump-guest-core=off,memory-backend=pc.ram`,
    '-cpu',
    CPU_MODEL,
    '-smp',
    `cpus=${cpus},sockets=1,cores=${cpus},threads=1`,
    '-m',
    `size=${memoryMiB}M`,
    // The backend has a name that both ends of a migration share; memory is taken as the guest touches it. Not a memfd:
    // written to through a private mapping, each page is there twice, in the file and as the copy.
    '-object',
    `memory-backend-ram,id=pc.ram,size=${memoryMiB}M,share=off,prealloc=off`,
    '-global',
    'ICH9-LPC.disable_s3=1',
    '-global',
    'ICH9-LPC.disable_s4=1',
    // Wall clock in UTC; after a pause the guest catches up slowly instead of in a storm of timer ticks.
    '-rtc',
    'base=utc,driftfix=slew',
    '-global',
    'kvm-pit.lost_tick_policy=delay',
    '-boot',
    'menu=off,strict=on',
  ];
}

/** SeaBIOS is what q35 starts by itself; OVMF comes as two flash chips, the second one this desktop's own. */
export function firmware({ firmware }: Machine): string[] {
  if (firmware.kind === 'bios') return [];
  return [
    '-blockdev',
    `driver=file,node-name=uefi-code,filename=${value(firmware.codePath)},read-only=on,auto-read-only=off`,
    '-blockdev',
    `driver=file,node-name=uefi-vars,filename=${value(firmware.varsPath)}`,
    '-machine',
    'pflash0=uefi-code,pflash1=uefi-vars',
  ];
}

/**
 * One disk, past the host's page cache (the guest's flush means the disk's flush), with discard passed down so that
 * what the guest deletes is free again in the thin pool. A full pool pauses the guest instead of breaking its disk.
 */
export function disk({ disk }: Machine): string[] {
  const driver = disk.blockDevice ? 'host_device' : 'file';
  return [
    '-object',
    'iothread,id=io0',
    '-blockdev',
    `driver=${driver},node-name=disk0-store,filename=${value(disk.path)},aio=native,cache.direct=on,discard=unmap`,
    '-blockdev',
    'driver=raw,node-name=disk0,file=disk0-store,cache.direct=on,discard=unmap,detect-zeroes=unmap',
    '-device',
    `virtio-blk-pci,id=disk0-device,drive=disk0,iothread=io0,bootindex=1,serial=${value(disk.serial)},` +
      'write-cache=on,werror=enospc,rerror=report',
  ];
}

/** NAT inside the QEMU process: outwards TCP and UDP, nothing inwards, no bridge. No boot ROM: it has a disk. */
export function network({ network }: Machine): string[] {
  return [
    '-netdev',
    'user,id=net0',
    '-device',
    `virtio-net-pci,id=net0-device,netdev=net0,mac=${value(network.mac)},romfile=`,
  ];
}

/** A SPICE server that lets nobody in until a ticket is set by QMP (ticketing is on and there is no password). */
export function screen({ screen }: Machine): string[] {
  return [
    '-spice',
    `addr=${value(screen.address)},port=${screen.port},ipv4=on,disable-ticketing=off,image-compression=auto_glz,` +
      'jpeg-wan-compression=auto,zlib-glz-wan-compression=auto,streaming-video=filter,playback-compression=on,' +
      'agent-mouse=on,disable-copy-paste=off,seamless-migration=on',
    '-device',
    'virtio-vga,id=video0,max_outputs=1',
  ];
}

export function sound(): string[] {
  return [
    '-audiodev',
    'spice,id=audio0',
    '-device',
    'ich9-intel-hda,id=sound0',
    '-device',
    'hda-duplex,bus=sound0.0,audiodev=audio0',
  ];
}

/** A tablet, so that the pointer is where the person's pointer is even without an agent, and channels for redirection. */
export function usb(): string[] {
  const channels = Array.from({ length: USB_REDIRECTION_CHANNELS }, (_, n) => [
    '-chardev',
    `spicevmc,id=usbredir${n},name=usbredir`,
    '-device',
    `usb-redir,id=usbredir${n}-device,chardev=usbredir${n},bus=usb.0`,
  ]);
  return ['-device', 'qemu-xhci,id=usb,p2=8,p3=8', '-device', 'usb-tablet,bus=usb.0', ...channels.flat()];
}

/** The SPICE agent (clipboard, resolution) and our own agent, each on a named port of one virtio serial device. */
export function serialPorts({ agent }: Machine): string[] {
  return [
    '-device',
    'virtio-serial-pci,id=serial0',
    '-chardev',
    'spicevmc,id=vdagent,name=vdagent',
    '-device',
    'virtserialport,bus=serial0.0,nr=1,chardev=vdagent,name=com.redhat.spice.0',
    '-chardev',
    `socket,id=agent,path=${value(agent)},server=on,wait=off`,
    '-device',
    `virtserialport,bus=serial0.0,nr=2,chardev=agent,name=${AGENT_PORT_NAME}`,
  ];
}

export function random(): string[] {
  return ['-object', 'rng-builtin,id=rng0', '-device', 'virtio-rng-pci,rng=rng0'];
}

export function monitor({ monitor }: Machine): string[] {
  return [
    '-chardev',
    `socket,id=monitor,path=${value(monitor)},server=on,wait=off`,
    '-mon',
    'chardev=monitor,mode=control',
  ];
}

/**
 * A machine that waits for another host to send it. `-S`: when everything has arrived it stands still until it is told
 * to go on, because the same desktop still exists at the sender.
 */
export function incoming({ incoming }: Machine): string[] {
  return incoming ? ['-incoming', 'defer', '-S'] : [];
}
