// The page: what is streaming, one task's log, or one pipeline's stages, by the parameters of its address.
// Everything that came from outside is put in as text, never as markup.
import { followStream } from "./stream.js";
import { LogView } from "./log-view.js";

const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const LINES_MAX = 5000;
const RECENT_MILLISECONDS = 3000;
const TYPING_MILLISECONDS = 300;

const API = "/api/v1/log-streaming";
const byId = (id) => document.getElementById(id);
const address = new URLSearchParams(location.search);
let stream = null;

function show(state, text) {
  byId("status").dataset.state = state;
  byId("status").textContent = text;
}

function cell(row, text, dataset = {}) {
  const made = row.insertCell();
  made.textContent = text;
  Object.assign(made.dataset, dataset);
  return made;
}

// Where it went wrong for want of a token, ask for one; what it was is told in any case.
function refused(status, message) {
  show("failed", message);
  if (status === 401 || status === 403) byId("sign-in").hidden = false;
}

// --- tasks ---

async function showRecent() {
  byId("recent").hidden = false;
  if (!document.hidden) {
    try {
      const answer = await fetch(`${API}/recent-tasks`);
      const body = await answer.json();
      if (answer.ok) {
        listTasks(body.tasks);
        show("idle", "");
      } else {
        refused(answer.status, body.error.message);
        return;
      }
    } catch {
      show("waiting", "the gateway does not answer");
    }
  }
  setTimeout(showRecent, RECENT_MILLISECONDS);
}

function listTasks(tasks) {
  byId("no-tasks").hidden = tasks.length > 0;
  const rows = tasks.map((task) => {
    const row = document.createElement("tr");
    const link = document.createElement("a");
    link.href = `/?${new URLSearchParams({ task: task.taskId })}`;
    link.textContent = task.taskId;
    row.insertCell().append(link);
    cell(row, task.lastSequence.toLocaleString());
    cell(row, task.status.toLowerCase(), { status: task.status });
    cell(row, new Date(task.updatedAt).toLocaleTimeString());
    return row;
  });
  byId("tasks").replaceChildren(...rows);
}

// --- one task ---

function chosenFilter() {
  const chosen = new URLSearchParams();
  const levels = [...byId("levels").querySelectorAll("input:checked")].map((box) => box.value);
  if (levels.length && levels.length < LEVELS.length) chosen.set("level", levels.join(","));
  for (const [parameter, id] of [["keywords", "keywords"], ["workerId", "worker"], ["source", "source"]]) {
    const value = byId(id).value.trim();
    if (value) chosen.set(parameter, value);
  }
  return chosen;
}

function fillFilter() {
  const levels = (address.get("level") || LEVELS.join(",")).toUpperCase().split(",");
  for (const level of LEVELS) {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: level });
    box.checked = levels.includes(level);
    label.append(box, ` ${level}`);
    byId("levels").append(label);
  }
  byId("keywords").value = address.get("keywords") || "";
  byId("worker").value = address.get("workerId") || "";
  byId("source").value = address.get("source") || "";
}

function showTask(task) {
  byId("task").value = task;
  byId("filter").hidden = byId("log").hidden = false;
  fillFilter();
  const view = new LogView(byId("log"), document.querySelector("main"), byId("follow"), byId("count"), LINES_MAX);

  const start = () => {
    stream?.close();
    view.clear();
    const filter = chosenFilter();
    const kept = pipeline ? [["task", task], ["pipeline", pipeline]] : [["task", task]];
    history.replaceState(null, "", `/?${new URLSearchParams([...kept, ...filter])}`);
    // As many lines as the page keeps; earlier ones would only be dropped again.
    const url = `${API}/logs/${encodeURIComponent(task)}/stream?tail=${LINES_MAX}${filter.size ? `&${filter}` : ""}`;
    view.isFiltered = filter.size > 0;
    stream = followStream(url, {
      status: show,
      refused,
      line: (entry) => view.add(entry),
      gap: (gap) => view.notice("gap", `lines ${gap.from} to ${gap.to} no longer exist (${gap.reason})`),
      complete: (end) => {
        view.notice("complete", `${end.status.toLowerCase()} after line ${end.lastSequence}`, end.status);
        show("idle", "the task has ended");
      },
    });
  };

  let typing;
  byId("filter").addEventListener("input", (event) => {
    if (event.target === byId("follow")) return;
    clearTimeout(typing);
    typing = setTimeout(start, TYPING_MILLISECONDS);
  });
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  start();
}

// --- one pipeline ---

function showPipeline(pipeline, isAlone) {
  byId("pipeline").hidden = false;
  byId("pipeline-name").textContent = pipeline;
  const rows = new Map();
  followStream(`${API}/pipelines/${encodeURIComponent(pipeline)}/progress`, {
    status: isAlone ? show : () => {},
    refused,
    progress: (stage) => {
      if (!rows.has(stage.stageId)) rows.set(stage.stageId, byId("stages").insertRow());
      const row = rows.get(stage.stageId);
      const status = String(stage.status).replace(/^STAGE_/, "");
      const bar = Object.assign(document.createElement("progress"), { max: 100, value: stage.progressPercentage || 0 });
      row.replaceChildren();
      cell(row, stage.stageId);
      cell(row, status.toLowerCase(), { status });
      row.insertCell().append(bar, ` ${stage.progressPercentage || 0} %`);
      cell(row, stage.errorMessage || stage.message || "");
    },
  });
}

// --- the page ---

byId("open").addEventListener("submit", (event) => {
  event.preventDefault();
  const task = byId("task").value.trim();
  location.assign(task ? `/?${new URLSearchParams({ task })}` : "/");
});

byId("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  // The token goes into a cookie that scripts cannot read, and stays nowhere else.
  const headers = { Authorization: `Bearer ${byId("token").value.trim()}` };
  byId("token").value = "";
  try {
    const answer = await fetch("/api/v1/auth/session", { method: "POST", headers });
    if (answer.ok) location.reload();
    else show("failed", (await answer.json()).error.message);
  } catch {
    show("failed", "the gateway does not answer");
  }
});

const [task, pipeline] = [address.get("task"), address.get("pipeline")];
document.title = [task || pipeline, "Otto logs"].filter(Boolean).join(" · ");
if (pipeline) showPipeline(pipeline, !task);
if (task) showTask(task);
if (!task && !pipeline) showRecent();
