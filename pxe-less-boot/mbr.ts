/** The partition table (MBR) of the medium: makes the FAT images inside the ISO visible as partitions of a USB stick. */

export interface MbrPartition {
  /** 0x0c: FAT32 (LBA); 0xef: EFI system partition */
  type: number;
  active: boolean;
  /** Sectors of 512 bytes. */
  firstSector: number;
  sectors: number;
}

const TABLE_OFFSET = 446;
const TABLE_ENTRIES = 4;

/** CHS value that says "use the LBA numbers" (head 254, sector 63, cylinder 1023). */
const CHS_NONE = [0xfe, 0xff, 0xff] as const;

/** The 66 bytes that go to offset 446 of the first sector: four entries and the signature 0x55 0xaa. */
export function partitionTable(partitions: readonly MbrPartition[]): Buffer {
  if (partitions.length > TABLE_ENTRIES)
    throw new RangeError(`an MBR holds ${TABLE_ENTRIES} partitions, not ${partitions.length}`);
  const table = Buffer.alloc(TABLE_ENTRIES * 16 + 2);
  for (const [index, partition] of partitions.entries()) {
    const at = index * 16;
    table[at] = partition.active ? 0x80 : 0;
    table.set(CHS_NONE, at + 1);
    table[at + 4] = partition.type;
    table.set(CHS_NONE, at + 5);
    table.writeUInt32LE(partition.firstSector, at + 8);
    table.writeUInt32LE(partition.sectors, at + 12);
  }
  table.writeUInt16BE(0x55aa, TABLE_ENTRIES * 16);
  return table;
}

/** The partitions of a first sector (512 bytes or more). Empty if there is no table. */
export function readPartitionTable(sector: Buffer): MbrPartition[] {
  if (sector.length < 512 || sector.readUInt16BE(510) !== 0x55aa) return [];
  return [0, 1, 2, 3].flatMap((index) => {
    const at = TABLE_OFFSET + index * 16;
    const type = sector.readUInt8(at + 4);
    if (type === 0) return [];
    return [
      {
        type,
        active: sector[at] === 0x80,
        firstSector: sector.readUInt32LE(at + 8),
        sectors: sector.readUInt32LE(at + 12),
      },
    ];
  });
}

export { TABLE_OFFSET as PARTITION_TABLE_OFFSET };
