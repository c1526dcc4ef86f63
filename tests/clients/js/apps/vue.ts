// The same page with Vue.
import { createApp, h, ref } from 'vue/dist/vue.esm-bundler.js'
import { useLogStream, usePipelineProgress } from 'otto-logs/vue.ts'

const App = {
  setup() {
    const taskId = ref('build')
    const errors = ref(false)
    const log = useLogStream(() => ({ url: '', taskId: taskId.value, filter: errors.value ? { keywords: ['error'] } : {} }))
    const pipeline = usePipelineProgress({ url: '', pipelineId: 'nightly' })
    return () => [
      h('button', { onClick: () => (taskId.value = 'other') }, 'Other'),
      h('button', { onClick: () => (errors.value = !errors.value) }, 'Errors'),
      h('p', { id: 'state' }, log.value.error?.code ?? log.value.state.kind),
      h('ol', log.value.entries.map((entry) => h('li', { key: entry.sequence }, entry.message))),
      h('ul', pipeline.value.stages.map((stage) => h('li', `${stage.stageId}: ${stage.progressPercentage}`))),
    ]
  },
}

createApp(App).mount(document.body.appendChild(document.createElement('main')))
