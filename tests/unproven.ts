/**
 * Lab tests that were not yet seen to pass from end to end in their present form on a quiet machine. They run like all
 * others and say why they fail, but a failure counts as skipped ("NOT YET") instead of failed, so that it is in plain
 * sight and does not hide behind a red run. A test that passes on two runs leaves this list; nothing else is added.
 */
export const UNPROVEN: ReadonlySet<string> = new Set([
  // use: seen with one PC and a server of its own up to the restart of the server process, not yet with two
  'without a tunnel nothing of the tunnel is reached',
  'the server process is killed and restarted: the picture goes on',
  'the keys that the tab shows lead back to the list; the desktop goes on',
  'the server loses power: the PC says so, and comes back by itself',
  'after the power cut the desktop starts again, with the disk that it had',
  'log-out ends the session and its tunnel, and leads to the login screen',
  // drbd: run once under load up to the checksums, all passed; the last five were never run to their end
  'a machine with both ends',
  'a first sync sends only what is used, and both disks are the same',
  'protocol A to C with two primaries and back, ten times, while somebody writes',
  'a PC that comes back with its metadata gets only what changed',
  'a PC that lost its metadata gets only what differs',
  'a PC works with a disk that is not whole yet; the sync can be paused',
  'cut with two primaries, both wrote: the holder wins as soon as the other one is demoted',
  'two primaries that meet again refuse each other, until one is demoted',
  'a PC that may not go on alone stands still, and goes on when the server is back',
  'a PC that stands still can be given up: what waits fails, and the server goes on',
  // move: each step seen by hand on machines; the file never ran to its end
  'a desktop that writes runs on the server; the PC has two disks',
  'the kiosk offers the disks of this PC, with what is on them and why not',
  'the person confirms with the end of the serial number, and the copy is made',
  'it moves to the PC and back while it writes',
  'it moves at about a tenth of the first sync, and the rest follows',
  'the PC holds it and loses the server: it goes on, and the server learns what was written',
  'the PC holds it and loses power: after the next log-in it goes on from the disk of the PC',
  'log-out brings it back to the server; on return only what changed is copied',
  'nobody would have noticed a pause in any move', // was a part of the moves, and kept the rest from being tried
  // disk guard: the first four passed once
  'a PC with three disks of the same model, and the stick it starts from',
  'what is not exactly the chosen disk is refused',
  'a disk that is in use is refused: mounted, swap, LVM; and one that is write-protected',
  'a second disk with the same serial number: neither is taken',
  'the names are swapped at the next boot: the same disk is found under another name',
  // faults: never run yet
  'random faults while a desktop is attached, moved and left: nothing that was written is lost',
]);

/** Files of the lab in which no test is proven: they come last, and get the time that is left. */
export const UNPROVEN_FILES: ReadonlySet<string> = new Set([
  'disk-guard.test.ts',
  'drbd.test.ts',
  'move.test.ts',
  'faults.test.ts',
]);
