/** US keyboard: which keys (QEMU's QKeyCode names) type a character, or make a chord such as `ctrl-alt-home`. */

const PLAIN: Record<string, string> = {
  ' ': 'spc',
  '\n': 'ret',
  '\t': 'tab',
  '-': 'minus',
  '=': 'equal',
  '[': 'bracket_left',
  ']': 'bracket_right',
  ';': 'semicolon',
  "'": 'apostrophe',
  '`': 'grave_accent',
  '\\': 'backslash',
  ',': 'comma',
  '.': 'dot',
  '/': 'slash',
};

/** Characters made with Shift -> the character on the same key without it. */
const SHIFTED: Record<string, string> = {
  '!': '1',
  '@': '2',
  '#': '3',
  $: '4',
  '%': '5',
  '^': '6',
  '&': '7',
  '*': '8',
  '(': '9',
  ')': '0',
  _: '-',
  '+': '=',
  '{': '[',
  '}': ']',
  ':': ';',
  '"': "'",
  '~': '`',
  '|': '\\',
  '<': ',',
  '>': '.',
  '?': '/',
};

const NAMED: Record<string, string> = {
  enter: 'ret',
  return: 'ret',
  space: 'spc',
  escape: 'esc',
  pageup: 'pgup',
  pagedown: 'pgdn',
  del: 'delete',
  super: 'meta_l',
};

/** The keys to hold together for one character. */
export function keysOfCharacter(character: string): string[] {
  if (/^[a-z0-9]$/.test(character)) return [character];
  if (/^[A-Z]$/.test(character)) return ['shift', character.toLowerCase()];
  const plain = PLAIN[character];
  if (plain) return [plain];
  const below = SHIFTED[character];
  if (below === undefined) throw new Error(`no key of a US keyboard types ${JSON.stringify(character)}`);
  return ['shift', PLAIN[below] ?? below];
}

/** The keys of a chord: `ctrl-alt-home`, `enter`, `alt-f4`, `ctrl-s`. */
export function keysOfChord(chord: string): string[] {
  return chord
    .toLowerCase()
    .split('-')
    .map((name) => NAMED[name] ?? name);
}
