import { expect, test } from 'vitest'
import { inViewer, onTerminal } from '../support/xterm'

const E = '\x1b['

/** What programs write, by kind; `|` parts cases. */
const AS_ON_A_TERMINAL: Record<string, string[]> = {
  'sixteen colours': [`${E}31mred${E}m`, `${E}0;1;92mok`, `${E}97;104mx${E}39my${E}49mz`, `${E};31mx`, `${E}31;mx`],
  attributes: [
    ...['1', '2', '3', '4', '7', '8', '9', '21', '1;2', '1;3;4;9'].map((code) => `${E}${code}mon${E}0moff`),
    ...['1-22', '2-22', '3-23', '4-24', '7-27', '8-28', '9-29', '21-24'].map((codes) => {
      const [on, off] = codes.split('-')
      return `${E}${on}mon${E}${off}moff`
    }),
  ],
  inverse: [`${E}7;31mx`, `${E}7;41mx`, `${E}7;38;2;1;2;3mx`, `${E}31;7mx${E}27my`],
  'colours of 256': [`${E}38;5;3mx`, `${E}38;5;208mx`, `${E}48;5;244mx`, `${E}38:5:208mx`, `${E}38;5;196;1mx`],
  'true colours': [
    `${E}38;2;1;2;3mx`,
    `${E}38:2::1:2:3mx`,
    `${E}48:2::255:128:0mx`,
    `${E}38:2:0:1:2:3mx`,
    `${E}38;2;1;2;3;1mx`,
    `${E}38;2mx`,
  ],
  'unknown colours': [`${E}38;9;1;4;7mx`, `${E}38:9:1mx`, `${E}31;38:7:3mx`],
  underlines: ['4:0', '4:1', '4:2', '4:3', '4:4', '4:5'].map((code) => `${E}4mu${E}${code}mx`),
  'colours of underlines': [`${E}58;5;1mx`, `${E}58;2;1;2;3mx`, `${E}58:2::1:2:3;1mx`, `${E}58;5;9;3mx`, `${E}59mx`],
  'other sequences that end in m': [`${E}>4;1mx`, `${E}?4mx`, `${E}>4mx`, `${E}=1mx`, `${E}1 mx`, `${E}4$mx`],
  'other sequences': [`${E}?25lx${E}?25h`, `${E}2 qx`, `${E}6nx`, `${E}!x`, '\x1b(Bx', '\x1b=x\x1b>', `${E}?2004hx`],
  'strings to their end': [
    '\x1b]0;title\x07x',
    '\x1b]0;title\x1b\\x',
    '\x1bPq#0\x07\x1b\\x',
    '\x1b^private\x1b\\x',
    '\x1b_app\x1b\\x',
    '\x1bXsos\x1b\\x',
  ],
  'strings that are cut off': [
    '\x1b]0;title\x18x',
    '\x1b]0;title\x1ax',
    `\x1b]0;title${E}31mx`,
    '\x1bPq\x18x',
    '\x1b]0;never ends',
    'a\x1b_x\x1ab',
  ],
  'sequences that are cut off': [
    `${E}31\x18mx`,
    `${E}31\x1amx`,
    `${E}3\x1b[32mx`,
    `x${E}`,
    `x${E}31`,
    'x\x1b',
    `x\x1b\x1b[31my`,
  ],
  'controls in sequences': [`ab${E}\r31mc`, `ab${E}3\b1mc`, `a${E}3\n1mc`],
  returns: ['10%\r20%\r30%', '100%\r5%', 'done\r', 'a\r\rb', `old\r${E}0Knew`, 'a\r\nb', `${E}31mred\r${E}0mb`],
  backspaces: ['ab\bc', 'a\b\b\bb', 'n\bno\bo', '50%\b\b\b60%', '|\b/\b-\b\\\bok'],
  'erased lines': [
    `spin${E}1G${E}Kdone`,
    `spin${E}2K${E}Gdone`,
    `spin${E}2Kdone`,
    `abcdef${E}3D${E}K`,
    `abcdef${E}3D${E}1K`,
    `abcdef${E}3D${E}2K`,
    `abcdef${E}3D${E}3K`,
    `${E}32mok${E}K${E}m ok`,
  ],
  'cursor on a line': [
    `abc${E}2Dx`,
    `abc${E}Dx`,
    `abc${E}0Dx`,
    `abc${E}99Dx`,
    `a${E}3Cb`,
    `a${E}10Gb`,
    `abc${E}2\`x`,
    `a${E}2ab`,
    `abc${E}Hx`,
    `abc${E}1;2Hx`,
    `abc${E}1;2fx`,
    `a${E}31m${E}5Gb`,
  ],
  'cursor over lines': [
    `one\ntwo\nthree${E}2A${E}1G${E}Kfirst`,
    `one\ntwo${E}F1`,
    `one\ntwo${E}2F1${E}E2`,
    `one\ntwo${E}1;1H1${E}2;2H2`,
    `one\ntwo${E}Ax${E}By`,
    `one\ntwo${E}1dx`,
    'one\ntwo\x1bMx\x1bDy\x1bEz',
    `up${E}Ax`,
    `[1/4] a\n[2/4] b${E}1A${E}2K\r[1/4] done\n`,
  ],
  'erased screens': [
    `one\ntwo${E}H${E}2Jx`,
    `one\ntwo\nthree${E}A${E}Jx`,
    `one\ntwo\nthree${E}A${E}1Jx`,
    'one\ntwo\x1bcx',
    `${E}31mx\x1bcy`,
  ],
  'characters in and out': [
    `abcdef${E}3G${E}2P`,
    `abcdef${E}3G${E}2@xy`,
    `abcdef${E}3G${E}2X`,
    `abc${E}9X`,
    `abc${E}@d`,
  ],
  'saved cursor': ['ab\x1b7cd\x1b8x', `ab${E}scd${E}ux`, `${E}31m\x1b7${E}32mab\x1b8x`, 'ab\x1b8x'],
  tools: [
    `\x1b[32m✓\x1b[39m test \x1b[2m(3 ms)\x1b[22m`,
    `⠋ reify${E}1G${E}0K⠙ reify${E}1G${E}0Kadded 1 package`,
    `\r${E}K[1/4] Resolving\r${E}K[2/4] Fetching\r${E}Ksuccess`,
    `<=---> 25% EXECUTING${E}19D${E}1B${E}1A${E}0K<====> 100%`,
    `${E}1m${E}31merror${E}0m${E}1m: no${E}0m`,
  ],
}

test.each(Object.entries(AS_ON_A_TERMINAL))('%s are shown as on a terminal', async (_, cases) => {
  for (const text of cases) expect(inViewer(text), JSON.stringify(text)).toEqual(await onTerminal(text))
})

test('whatever is written is shown as on a terminal, the listed differences aside', async () => {
  const words = [
    'a',
    'bc',
    'def',
    ' ',
    '\r',
    '\b',
    '\n',
    '\x1b7',
    '\x1b8',
    '\x1bD',
    '\x1bE',
    '\x1b]0;t\x07',
    '\x1b]0;t\x18',
  ]
  const codes = [0, 1, 2, 3, 4, 7, 8, 9, 21, 22, 23, 24, 27, 28, 29, 31, 39, 42, 49, 95, 106]
  for (let seed = 1; seed <= 150; seed++) {
    const random = randomNumbers(seed)
    const pick = <T>(of: readonly T[]): T => of[random(of.length)] as T
    let text = ''
    for (let length = 5 + random(40); length > 0; length--) {
      const kind = random(3)
      if (kind === 0) text += pick(words)
      else if (kind === 1) text += `${E}${pick(codes)};${pick(codes)}m${pick(words)}`
      else text += `${E}${pick(['', '0', '1', '2', '5'])}${pick([...'ABCDEFGHKJPX@dsu'])}`
    }
    text = text.replace(/\x1b\[\d*[BEHd]/g, '') // the last line of a message is the last one, unlike a terminal's
    expect(inViewer(text), `seed ${seed}: ${JSON.stringify(text)}`).toEqual(await onTerminal(text))
  }
})

/** What is different from a terminal on purpose, as docs/viewer.md lists it: the text that the viewer shows. */
const DIFFERENT: Record<string, [string, string][]> = {
  'controls that a terminal ignores': [
    ['a\x07b\x00c\x0bd', 'a\u2407b\u2400c\u240bd'],
    ['a\x84b', 'a\ufffdb'],
  ],
  tabs: [['a\tb', 'a\tb']],
  links: [['\x1b]8;;http://x\x07a\x1b]8;;\x07b', 'ab']],
  'true colours without a colour space': [[`${E}38:2:1:2:3mx`, 'x']],
  'components above 255': [[`${E}38;2;1;2;999mx`, 'x']],
  'wide characters': [['\ud55c\uad6d\rab', 'ab']],
  'lines behind the last one': [
    [`a${E}Bb`, 'ab'],
    [`a${E}Eb`, 'b'],
  ],
  scrolling: [
    ['a\x1bMb', 'ab'],
    [`one\ntwo${E}A${E}Lx`, 'onex\ntwo'],
    [`a${E}3bb`, 'ab'],
  ],
}

test.each(Object.entries(DIFFERENT))('%s are different from a terminal on purpose', async (_, cases) => {
  for (const [text, shown] of cases) {
    expect(inViewer(text).text).toBe(shown)
    expect(inViewer(text)).not.toEqual(await onTerminal(text))
  }
})

function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
