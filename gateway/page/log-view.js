// The lines on the page: at most so many, put in once per frame, with ANSI colours as classes.

const SEQUENCE = /\x1b\[([0-9;]*)m|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]/g;
const CLOCK = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3,
});

function span(className, text) {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  return made;
}

// A message as text with coloured parts; control sequences that are no colours are left out.
function coloured(message) {
  const made = span("message", "");
  let classes = [];
  let from = 0;
  const put = (text) => {
    if (text) made.append(classes.length ? span(classes.join(" "), text) : text);
  };
  for (const match of message.matchAll(SEQUENCE)) {
    put(message.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[1] === undefined) continue;
    for (const code of match[1].split(";").map(Number)) {
      if (code === 0) classes = [];
      else if (code === 1) classes = [...classes, "ansi-bold"];
      else if (code === 39) classes = classes.filter((name) => name === "ansi-bold");
      else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) {
        classes = [...classes.filter((name) => name === "ansi-bold"), `ansi-${code}`];
      }
    }
  }
  put(message.slice(from));
  return made;
}

function rowOf(entry) {
  const row = document.createElement("li");
  row.dataset.level = entry.level;
  row.dataset.source = entry.source;
  row.dataset.sequence = entry.sequence;
  const worker = span("worker", entry.workerId);
  worker.title = entry.workerId;
  const time = span("time", CLOCK.format(new Date(entry.timestamp)));
  time.title = entry.timestamp;
  row.append(span("number", entry.sequence), time, span("level", entry.level), worker, coloured(entry.message));
  if (entry.truncated) row.lastChild.append(` … (${entry.originalSize.toLocaleString()} bytes)`);
  return row;
}

function noticeRow(kind, text, status) {
  const row = document.createElement("li");
  row.className = "notice";
  row.dataset.kind = kind;
  if (status) row.dataset.status = status;
  row.textContent = text;
  return row;
}

export class LogView {
  constructor(list, scroller, follow, count, linesMax) {
    this.list = list;
    this.scroller = scroller;
    this.follow = follow;
    this.count = count;
    this.linesMax = linesMax;
    this.isFiltered = false;
    this.clear();
    scroller.addEventListener("wheel", (event) => {
      if (event.deltaY < 0) follow.checked = false; // who scrolls up wants to read
    }, { passive: true });
    follow.addEventListener("change", () => this.#scroll());
    // Rows take their true height only when they come into sight, so the end moves after it was scrolled to.
    new ResizeObserver(() => this.#scroll()).observe(list);
  }

  clear() {
    this.waiting = [];
    this.received = 0;
    this.earlier = 0;
    this.list.replaceChildren();
    this.count.textContent = "";
  }

  add(entry) {
    if (!this.received && !this.isFiltered) this.earlier = entry.sequence - 1;
    this.received += 1;
    this.#put(entry);
  }

  notice(kind, text, status) {
    this.#put(noticeRow(kind, text, status));
  }

  // What arrives between two frames goes in at once; more than the page keeps is not made into rows at all.
  #put(item) {
    this.waiting.push(item);
    if (this.waiting.length > 2 * this.linesMax) this.waiting.splice(0, this.waiting.length - this.linesMax);
    if (this.isScheduled) return;
    this.isScheduled = true;
    const render = () => this.#render();
    if (document.hidden) setTimeout(render, 250);
    else requestAnimationFrame(render);
  }

  #render() {
    this.isScheduled = false;
    const items = this.waiting.slice(-this.linesMax);
    this.waiting = [];
    this.list.append(...items.map((item) => (item instanceof Node ? item : rowOf(item))));
    while (this.list.children.length > this.linesMax) this.list.firstChild.remove();
    const shown = this.list.querySelectorAll("li:not(.notice)").length;
    const hidden = this.received - shown + this.earlier;
    this.count.textContent = `${shown.toLocaleString()} lines${hidden > 0 ? `, ${hidden.toLocaleString()} earlier ones not shown` : ""}`;
    this.#scroll();
  }

  #scroll() {
    if (this.follow.checked) this.scroller.scrollTop = this.scroller.scrollHeight;
  }
}
