// English. One object a page; `ko.ts` has the same keys, which the compiler checks.
const count = new Intl.NumberFormat('en')

export const en = {
  shell: {
    name: 'Otto logs',
    skip: 'Skip to the content',
    pages: 'Pages',
    tasks: 'Tasks',
    executions: 'Executions',
    automation: 'Automation',
    search: 'Search',
    open: 'Open a task by its name',
    openHint: 'Open task…',
    theme: 'Theme',
    themes: { system: 'System', light: 'Light', dark: 'Dark' },
    language: 'Language',
    help: 'Keyboard shortcuts',
    close: 'Close',
    everywhere: 'Everywhere',
    thisPage: 'On this page',
    goTo: (page: string) => `Go to ${page.toLowerCase()}`,
    toggleTheme: 'Next theme',
    signIn: 'Sign in',
    signInWhy: 'This gateway wants a token.',
    signInToken: 'Token',
    signInNote:
      'Reading: kept in a cookie that scripts cannot see. Changing something: kept in this tab until it is closed.',
    signInCancel: 'Not now',
    signedOut: 'Not signed in',
    loading: 'Loading…',
    retry: 'Try again',
    unreachable: 'The gateway does not answer. Trying again…',
    missing: 'No such page',
    missingText: 'The address leads nowhere.',
    backToTasks: 'To the tasks',
    broken: 'This page ran into an error of its own',
  },
  log: {
    title: (taskId: string) => taskId,
    lines: (n: number) => `${count.format(n)} ${n === 1 ? 'line' : 'lines'}`,
  },
}
