import { paint } from 'otto-logs/ansi'
import { expect, test } from 'vitest'
import { mayBeJson, prettyJson } from '../../src/log/json-lines'
import { linksOf } from '../../src/log/links'

const REPOSITORY = 'https://code.example/blob/main/{file}#L{line}'
const urls = (message: string, repository = '') => {
  const { text, spans } = paint(message)
  return linksOf(text, spans, repository).map(({ start, end, url }) => [text.slice(start, end), url])
}

test('addresses are links, without what ends their sentence', () => {
  expect(urls('see https://a.example/x?y=1#z, or (http://b.example/c_(d)).')).toEqual([
    ['https://a.example/x?y=1#z', 'https://a.example/x?y=1#z'],
    ['http://b.example/c_(d)', 'http://b.example/c_(d)'],
  ])
  expect(urls('https:// and javascript://x and //c.example')).toEqual([])
})

test('a link of a terminal is one where it leads to the web, and nothing else ever is', () => {
  expect(urls('\x1b]8;id=1;https://a.example/log\x1b\\the \x1b[1mlog\x1b[0m\x1b]8;;\x1b\\ ends')).toEqual([
    ['the ', 'https://a.example/log'],
    ['log', 'https://a.example/log'],
  ])
  for (const address of [
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'JAVASCRIPT://x',
    'blob:https://x',
  ])
    expect(urls(`\x1b]8;;${address}\x07here\x1b]8;;\x07`), address).toEqual([])
})

test('files lead to the repository that the reader has named, and only to what is in it', () => {
  const files = urls(
    'src/a b.py: tests/test_x.py:12: error; File "lib/main.py", line 7; ::error file=app/x.js,line=3::',
    REPOSITORY,
  )
  expect(files.map(([, url]) => url)).toEqual([
    'https://code.example/blob/main/tests/test_x.py#L12',
    'https://code.example/blob/main/lib/main.py#L7',
    'https://code.example/blob/main/app/x.js#L3',
  ])
  expect(urls('/usr/lib/x.py:3 ../up.py:4 12:30:15 1.2.3:80', REPOSITORY)).toEqual([])
  expect(urls('tests/test_x.py:12')).toEqual([])
  expect(urls('a.py:1', 'javascript:alert("{file}")')).toEqual([])
})

test('JSON objects are shown over several lines, anything else as it is', () => {
  expect(prettyJson('{"a":1,"b":{"c":[]}}')).toBe('{\n  "a": 1,\n  "b": {\n    "c": []\n  }\n}')
  expect([prettyJson('{"a":'), prettyJson('{a}'), prettyJson('"text"')]).toEqual([null, null, null])
  expect([mayBeJson('{}'), mayBeJson('[{"a":1}]'), mayBeJson('{ not')]).toEqual([false, true, false])
})
