import { expect, it } from 'vitest'
import { Notices } from '../../src/log/notices'

it('has one time without a connection at a time, which ends once', () => {
  const notices = new Notices()
  expect([notices.wentOffline(3, 10), notices.wentOffline(4, 11)]).toEqual([true, false])
  expect(notices.offline?.sequence).toBe(3)
  expect([notices.cameBack(20), notices.cameBack(21)]).toEqual([true, false])
  expect(notices.all).toMatchObject([{ since: 10, until: 20 }])
})

it('keeps what was said of the connection where the lines are read anew, and nothing where the journal is another', () => {
  const notices = new Notices()
  notices.gap({ from: 1, to: 4, reason: 'retention' })
  notices.end(9, 'COMPLETED')
  notices.wentOffline(3, 10)
  notices.reread()
  expect(notices.all.map(({ kind }) => kind)).toEqual(['offline'])
  notices.restart(30)
  expect(notices.all.map(({ kind }) => kind)).toEqual(['restart'])
})

it('says of a place only the newest', () => {
  const notices = new Notices()
  notices.end(5, 'FAILED')
  notices.end(9, 'COMPLETED')
  expect(notices.all).toMatchObject([{ sequence: 9, status: 'COMPLETED' }])
})
