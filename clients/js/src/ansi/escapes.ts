/**
 * Takes text apart into what is printed and what a terminal would do, by the states of a VT500 (vt100.net/emu/dec_ansi_parser),
 * in one pass. Sequences with private parameters or intermediates, and strings (OSC, DCS, SOS, PM, APC) are left out.
 */
export interface Terminal {
  print(text: string): void
  /** A control character outside of sequences, or one of BS, LF, CR within. */
  control(code: number): void
  escape(final: string): void
  /** Parameters, each with its subparameters behind it; -1: left out. */
  sequence(final: string, parameters: number[][]): void
  /** What is printed from here on leads to an address (OSC 8); '' ends that. */
  link(address: string): void
}

const PARAMETERS_MAX = 32
const SUBPARAMETERS_MAX = 8
const VALUE_MAX = 65_535

const BS = 0x08
const LF = 0x0a
const CR = 0x0d
const CAN = 0x18
const SUB = 0x1a
const ESC = 0x1b
const DEL = 0x7f
const CSI = 0x9b
const OSC = 0x9d

const TEXT = /[^\x00-\x08\x0a-\x1f\x7f-\x9f]+/y
const STRING = /[^\x18\x1a\x1b\x9c]*/y
const OSC_STRING = /[^\x07\x18\x1a\x1b\x9c]*/y

export function parse(text: string, terminal: Terminal): void {
  let at = 0
  while (at < text.length) {
    const end = skip(TEXT, text, at)
    if (end > at) terminal.print(text.slice(at, end))
    if (end === text.length) return
    const code = text.charCodeAt(end)
    at = end + 1
    if (code === ESC) at = escapeSequence(text, at, terminal)
    else if (code === CSI) at = controlSequence(text, at, terminal)
    else if (code === 0x90 || code === 0x98 || code >= OSC) at = controlString(text, at, code === OSC ? terminal : null)
    else terminal.control(code)
  }
}

/** What follows an ESC; where to go on. */
function escapeSequence(text: string, from: number, terminal: Terminal): number {
  let hasIntermediates = false
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === ESC) return at
    if (code === CAN || code === SUB) return at + 1
    if (code < 0x20) within(code, terminal)
    else if (code <= 0x2f) hasIntermediates = true
    else if (code > DEL) return at
    else if (code < DEL) {
      const final = text.charAt(at)
      if (hasIntermediates) return at + 1
      if (final === '[') return controlSequence(text, at + 1, terminal)
      if (']PX^_'.includes(final)) return controlString(text, at + 1, final === ']' ? terminal : null)
      terminal.escape(final)
      return at + 1
    }
  }
  return text.length
}

/** A control sequence behind its introducer; where to go on. */
function controlSequence(text: string, from: number, terminal: Terminal): number {
  let parameters = ''
  let isLeftOut = false
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === ESC || code > DEL) return at
    if (code === CAN || code === SUB) return at + 1
    if (code < 0x20) within(code, terminal)
    else if (code <= 0x2f) isLeftOut = true
    else if (code <= 0x3b) parameters += text.charAt(at)
    else if (code <= 0x3f) isLeftOut = true
    else if (code < DEL) {
      if (!isLeftOut) terminal.sequence(text.charAt(at), numbers(parameters))
      return at + 1
    }
  }
  return text.length
}

/** A string behind its introducer; where to go on. BEL ends an OSC alone, CAN and SUB cut each off. `osc`: it is one. */
function controlString(text: string, from: number, osc: Terminal | null): number {
  const end = skip(osc ? OSC_STRING : STRING, text, from)
  const address = osc && text.startsWith('8;', from) ? text.indexOf(';', from + 2) : -1
  if (address >= 0 && address < end) osc?.link(text.slice(address + 1, end))
  return text.charCodeAt(end) === ESC ? end : end + 1
}

/** Controls within a sequence are obeyed; those that would only be shown are not. */
function within(code: number, terminal: Terminal): void {
  if (code === BS || code === LF || code === CR) terminal.control(code)
}

function numbers(parameters: string): number[][] {
  return parameters.split(';', PARAMETERS_MAX).map((parameter) =>
    parameter.split(':', SUBPARAMETERS_MAX).map((digits) => {
      return digits === '' ? -1 : Math.min(Number(digits), VALUE_MAX)
    }),
  )
}

function skip(expression: RegExp, text: string, from: number): number {
  expression.lastIndex = from
  return expression.test(text) ? expression.lastIndex : from
}
