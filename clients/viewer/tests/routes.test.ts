import { describe, expect, it } from 'vitest'
import { automationUrl, executionUrl, logUrl, routeOf } from '../src/shell/routes'

const at = (address: string) => {
  const url = new URL(address, 'http://gateway')
  return routeOf(url.pathname, url.searchParams)
}

describe('an address means a page', () => {
  it.each([
    ['/', { page: 'tasks' }],
    ['/?search=x', { page: 'tasks' }],
    ['/logs/build-7?level=WARN', { page: 'log', taskId: 'build-7' }],
    ['/executions', { page: 'executions' }],
    ['/executions/', { page: 'executions' }],
    ['/executions/run%201', { page: 'execution', executionId: 'run 1' }],
    ['/automation', { page: 'automation' }],
    ['/automation/1', { page: 'automationTask', taskId: '1' }],
    ['/batch-jobs?status=failed', { page: 'batchJobs' }],
    ['/alerts?state=open', { page: 'alerts' }],
    ['/alerts/incidents/7', { page: 'incident', incidentId: '7' }],
    ['/alerts/rules', { page: 'alertRules' }],
    ['/alerts/rules/oom', { page: 'alertRule', name: 'oom' }],
    ['/alerts/new-rule', { page: 'newAlertRule' }],
    ['/alerts/targets', { page: 'alertTargets' }],
    ['/alerts/maintenance/', { page: 'maintenance' }],
    ['/search?q=x', { page: 'search' }],
    ['/?pipeline=p', { page: 'pipeline', pipelineId: 'p' }],
  ])('%s', (address, route) => expect(at(address).route).toEqual(route))

  it.each([
    '/alerts/x',
    '/alerts/incidents',
    '/alerts/rules/a/b',
    '/logs',
    '/logs/',
    '/logs/a/b',
    '/search/x',
    '/nowhere',
    '/logs/%ff',
  ])('%s is no page', (address) => expect(at(address).route).toEqual({ page: 'missing' }))

  it('keeps what an old link said', () => {
    expect(at('/?task=a%2Fb&level=WARN&pipeline=p')).toEqual({
      route: { page: 'log', taskId: 'a/b' },
      redirect: '/logs/a%2Fb?level=WARN&pipeline=p',
    })
  })

  it('leads back to the name, whatever is in it', () => {
    for (const name of ['a/b', 'ü 로그', '?#&%', '...', '<b>']) {
      expect(at(logUrl(name)).route).toEqual({ page: 'log', taskId: name })
      expect(at(executionUrl(name)).route).toEqual({ page: 'execution', executionId: name })
      expect(at(automationUrl(name)).route).toEqual({ page: 'automationTask', taskId: name })
    }
  })
})
