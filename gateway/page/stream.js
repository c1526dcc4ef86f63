// One event stream, kept open: the browser's own EventSource, and what it does not do.
// EventSource comes back by itself after a broken connection, but gives up for good after any answer that is not 200.
// Then this asks what the answer was: a refusal ends it, everything else is tried again behind the last event.

const PAUSE_FIRST_MILLISECONDS = 500;
const PAUSE_LAST_MILLISECONDS = 15000;

export function followStream(url, handlers) {
  let source = null;
  let timer = null;
  let lastId = "";
  let pause = PAUSE_FIRST_MILLISECONDS;
  let isOver = false;

  const resumed = () => (lastId ? `${url}${url.includes("?") ? "&" : "?"}after=${encodeURIComponent(lastId)}` : url);
  const again = () => {
    handlers.status("waiting", "reconnecting…");
    timer = setTimeout(open, pause * (0.5 + Math.random() / 2));
    pause = Math.min(2 * pause, PAUSE_LAST_MILLISECONDS);
  };
  const close = () => {
    isOver = true;
    clearTimeout(timer);
    source?.close();
  };

  function listen(name, handle) {
    source.addEventListener(name, (event) => {
      if (event.lastEventId) lastId = event.lastEventId;
      pause = PAUSE_FIRST_MILLISECONDS;
      handle(JSON.parse(event.data));
    });
  }

  function open() {
    handlers.status("waiting", "connecting…");
    source = new EventSource(resumed());
    source.onopen = () => handlers.status("live", "live");
    listen("message", (entry) => handlers.line?.(entry));
    listen("progress", (stage) => handlers.progress?.(stage));
    listen("gap", (gap) => handlers.gap?.(gap));
    listen("complete", (end) => {
      handlers.complete?.(end);
      close();
    });
    source.onerror = (event) => {
      if (event.data) {
        handlers.status("waiting", JSON.parse(event.data).message); // the gateway's own event; it comes before the close
      } else if (source.readyState === EventSource.CONNECTING) {
        handlers.status("waiting", "reconnecting…");
      } else if (!isOver) {
        findOut();
      }
    };
  }

  async function findOut() {
    const request = new AbortController();
    try {
      const answer = await fetch(resumed(), { signal: request.signal });
      if (answer.status === 204) {
        handlers.status("idle", "the task has ended");
        close();
      } else if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
        close();
        handlers.refused(answer.status, (await answer.json()).error.message);
      } else {
        again();
      }
    } catch {
      again();
    } finally {
      request.abort();
    }
  }

  open();
  return { close };
}
