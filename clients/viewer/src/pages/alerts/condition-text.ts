// A rule in plain words.
import { expressionOf, labelsOf, NEW_RULE, type RuleDocument } from '../../data/alert-rules'
import type { Words } from '../../words/words'

/** When a rule opens an incident, as `20 lines within 5m match ECONNRESET in build-*`. */
export function conditionText(rule: RuleDocument, { alerts: t }: Words): string {
  return [...conditionParts(rule, t), ...scopeParts(rule, t)].filter(Boolean).join(' ')
}

function conditionParts(rule: RuleDocument, t: Words['alerts']): string[] {
  const { says } = t
  const when = rule.when ?? 'line'
  const lasting = rule.for ?? NEW_RULE.for
  if (when === 'line') return [says.line(), expressionOf(rule.filter)]
  if (when === 'count') return [says.count(String(rule.count ?? ''), rule.within ?? ''), expressionOf(rule.filter)]
  if (when === 'running' || when === 'silent') return [says[when](lasting)]
  if (when === 'failed' || when === 'recovered' || when === 'stage_failed') return [says[when]()]
  return [when]
}

function scopeParts(rule: RuleDocument, t: Words['alerts']): string[] {
  const tasks = typeof rule.tasks === 'string' ? [rule.tasks] : (rule.tasks ?? ['*'])
  const labels = labelsOf(rule.labels)
  return [
    tasks.includes('*') ? t.inAllTasks : t.inTasks(tasks.join(', ')),
    labels.length ? t.withLabels(labels.join(', ')) : '',
  ]
}
