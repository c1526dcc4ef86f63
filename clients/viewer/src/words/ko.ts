// 한국어. `en.ts`와 같은 항목을 가진다.
import type { Words } from './words'

const count = new Intl.NumberFormat('ko')

export const ko: Words = {
  shell: {
    name: 'Otto 로그',
    skip: '본문으로 건너뛰기',
    pages: '페이지',
    tasks: '작업',
    executions: '실행',
    automation: '자동화',
    search: '검색',
    open: '이름으로 작업 열기',
    openHint: '작업 열기…',
    theme: '테마',
    themes: { system: '시스템', light: '밝게', dark: '어둡게' },
    language: '언어',
    help: '키보드 단축키',
    close: '닫기',
    everywhere: '모든 페이지',
    thisPage: '이 페이지',
    goTo: (page: string) => `${page} 페이지로 이동`,
    toggleTheme: '다음 테마',
    signIn: '로그인',
    signInWhy: '이 게이트웨이는 토큰이 필요합니다.',
    signInToken: '토큰',
    signInNote: '읽기: 스크립트가 볼 수 없는 쿠키에 보관합니다. 변경: 이 탭을 닫을 때까지 탭 안에만 보관합니다.',
    signInCancel: '나중에',
    signedOut: '로그인하지 않음',
    loading: '불러오는 중…',
    retry: '다시 시도',
    unreachable: '게이트웨이가 응답하지 않습니다. 다시 시도하는 중…',
    missing: '없는 페이지',
    missingText: '이 주소에는 아무것도 없습니다.',
    backToTasks: '작업 목록으로',
    broken: '이 페이지에서 오류가 발생했습니다',
  },
  log: {
    title: (taskId: string) => taskId,
    lines: (n: number) => `${count.format(n)}줄`,
  },
}
