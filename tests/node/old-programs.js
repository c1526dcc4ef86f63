// The programs of the older systems, written from what those systems promised and with libraries that nobody here wrote. Each works on a
// gateway and its database as it did on its own server, and ends with an error at the first difference.
//
//   node old-programs.js URL DATABASE
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { EventSource } from "eventsource";
import { io } from "socket.io-client";

const SECONDS_MAX = 300;
const NODE_EXECUTION = "/api/logs/node-execution";
const [url, path] = process.argv.slice(2);

// better-sqlite3 where it was built; Node.js' own module, from 22.5 on, has the same methods.
async function opened() {
  const { default: Database } = await import("better-sqlite3");
  try {
    return new Database(path);
  } catch (error) {
    if (!process.versions.node.match(/^(2[2-9]|[3-9])/)) throw error;
    return new (await import("node:sqlite")).DatabaseSync(path);
  }
}

const db = await opened();
db.exec("PRAGMA busy_timeout = 30000");

const all = (sql, ...values) => db.prepare(sql).all(...values).map((row) => ({ ...row }));

async function get(where) {
  const answer = await fetch(url + where);
  assert.equal(answer.status, 200, `${where}: ${answer.status}`);
  return answer.json();
}

async function post(where, body) {
  const answer = await fetch(url + where, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, `${where}: ${answer.status}`);
  const document = await answer.json();
  assert.equal(document.success, true);
  return document;
}

async function until(condition, what) {
  for (let left = SECONDS_MAX * 10; left > 0; left -= 1) {
    const found = await condition();
    if (found) return found;
    await sleep(100);
  }
  throw new Error(`not within ${SECONDS_MAX} s: ${what}`);
}

// The UI of the automation queue stores a task and its schedule itself, follows the queue by SQL, and asks for the log.
async function automation() {
  const id = randomUUID();
  db.prepare("INSERT INTO tasks (id, title, type, settings) VALUES (?, ?, 'shortform', ?)").run(id, "산책", '{"mediaMode": "crawl"}');
  const schedule = "INSERT INTO task_schedules (task_id, scheduled_time, repeat_type) VALUES (?, ?, 'once')";
  db.prepare(schedule).run(id, new Date(Date.now() - 60_000).toISOString());
  const done = "SELECT 1 FROM task_queue WHERE task_id = ? AND queue_type = 'youtube' AND status = 'completed'";
  await until(() => all(done, id)[0], "the task is through");
  const stages = all("SELECT queue_type FROM task_queue WHERE task_id = ? ORDER BY id", id).map((row) => row.queue_type);
  assert.deepEqual(stages.slice(-4), ["script", "image", "video", "youtube"]);
  await until(() => all("SELECT 1 FROM task_schedules WHERE task_id = ? AND is_active = 0", id)[0], "the schedule is off");
  const { logs } = await get(`/api/automation/logs?taskId=${id}`);
  const messages = logs.map((row) => row.message);
  for (const words of ["script 완료 → image 대기", "image 완료 → video 대기", "video 완료 → youtube 대기"]) assert(messages.includes(words), words);
  assert(logs.every((row, n) => n === 0 || row.created_at <= logs[n - 1].created_at));
  assert.deepEqual((await get(`/api/automation/logs?taskId=${id}&level=loud`)).logs, []);
  const { killedProcesses } = await post("/api/automation/stop", { taskId: id });
  assert.equal(killedProcesses.join(", "), "");
}

// The workflow engine reports its nodes, its UI a run of all scripts; the dashboard counts ten executions.
async function executions() {
  const run = randomUUID();
  const node = { execution_id: run, script_id: 1, node_id: "a", node_type: "condition", node_name: "조건", parameters: {} };
  const began = Date.now();
  await post(NODE_EXECUTION, { ...node, status: "running", started_at: new Date(began).toISOString() });
  const ended = { started_at: new Date(began + 3).toISOString(), finished_at: new Date(began + 9).toISOString() };
  await post(NODE_EXECUTION, { ...node, ...ended, status: "completed", execution_time_ms: 6, result: { ok: true } });
  const { logs } = await get(`${NODE_EXECUTION}?execution_id=${run}&limit=1`);
  assert.deepEqual([logs[0].status, logs[0].result], ["completed", { ok: true }]);
  assert.deepEqual(all("SELECT status, execution_time_ms FROM node_execution_logs WHERE execution_id = ?", run), [
    { status: "completed", execution_time_ms: 6 },
  ]);
  await post(NODE_EXECUTION, { status: "failed", error_message: "no ids" });
  const before = await get("/api/dashboard/stats");
  for (let script = 1; script <= 10; script += 1) {
    const recorded = await post(`/api/scripts/${script}/execution-record`, {
      status: script === 3 ? "error" : "success",
      error_message: script === 3 ? "x" : null,
      execution_time_ms: 5,
    });
    assert.equal(recorded.message, "스크립트 실행 기록이 저장되었습니다.");
  }
  const summary = await post("/api/dashboard/execution-summary", { total_executions: 10, failed_count: 1 });
  assert.equal(summary.message, "실행 요약 정보가 저장되었습니다.");
  const after = await get("/api/dashboard/stats");
  assert.equal(after.all_executions - before.all_executions, 10);
  assert.equal(after.all_failed_scripts - before.all_failed_scripts, 1);
  assert.deepEqual(all("SELECT all_executions FROM dashboard_stats"), [{ all_executions: after.all_executions }]);
}

// The page of batch jobs hands keywords over and polls.
async function batch() {
  const { jobId, message } = await post("/api/documents/batch", { keywords: ["맥북", "아이폰"] });
  assert.match(jobId, /^batch_\d+_\w+$/);
  assert.equal(message, "배치 작업이 시작되었습니다");
  const job = await until(async () => {
    const found = (await get(`/api/documents/status?jobId=${jobId}`)).job;
    return found.status === "completed" && found;
  }, "the job is completed");
  assert.deepEqual(job.progress, { current: 2, total: 2 });
  assert.deepEqual(job.results.map(({ keyword }) => keyword), ["맥북", "아이폰"]);
  assert(Number.isInteger(job.results[0].counts.blog) && job.startedAt <= job.completedAt);
  const read = async () => (await get(`/api/automation/logs?jobId=${jobId}`)).logs.map((row) => row.log_message);
  const lines = await until(async () => (await read()).some((line) => line.includes("작업 완료")) && read(), "the log is whole");
  assert.equal(lines[0], `[배치] 작업 생성: ${jobId}, 키워드 2개`);
  assert(lines.some((line) => line.startsWith("[배치] 1/2 완료: 맥북")));
  assert.deepEqual(all("SELECT log_message FROM job_logs WHERE job_id = ? ORDER BY id", jobId).map((row) => row.log_message), lines);
  return jobId;
}

// A page follows a task as events and over Socket.IO; another program writes lines straight into `job_logs`.
async function live(jobId) {
  const heard = [];
  const events = new EventSource(`${url}/api/v1/log-streaming/logs/${jobId}/stream?level=INFO,ERROR&keywords=완료`);
  events.onmessage = (event) => heard.push(JSON.parse(event.data));
  const [ended] = await new Promise((resolve) => events.addEventListener("complete", (event) => resolve([event])));
  events.close();
  assert.equal(JSON.parse(ended.data).status, "COMPLETED");
  assert(heard.length >= 3 && heard.every((line) => line.taskId === jobId && line.message.includes("완료")));

  const job = `job_${randomUUID()}`;
  const saveLog = (message) =>
    db.prepare("INSERT INTO job_logs (job_id, log_message, created_at) VALUES (?, ?, datetime('now'))").run(job, message);
  const socket = io(`${url}/log-streaming`, { transports: ["websocket"], auth: {} });
  const answers = [];
  socket.onAny((name, payload) => answers.push([name, payload]));
  await once(socket, "connected");
  socket.emit("subscribe-to-logs", { taskId: job, filter: { levels: ["INFO"] } });
  const [subscribed] = await once(socket, "subscription_success");
  assert.equal(subscribed.roomName, `task:${job}`);
  saveLog("🚀 작업 시작");
  saveLog("🎉 작업 완료");
  await until(() => answers.filter(([name]) => name === "log-entry").length === 2, "both lines are there");
  socket.emit("get-server-stats");
  const [stats] = await once(socket, "server-stats");
  assert(stats.connectedClients >= 1 && stats.activeConnections >= 1);
  socket.emit("subscribe-to-pipeline", { pipelineId: jobId });
  await once(socket, "pipeline-progress");
  socket.close();
  assert.deepEqual(answers.filter(([name]) => name === "log-entry").map(([, line]) => line.message), ["🚀 작업 시작", "🎉 작업 완료"]);
  assert.equal((await get("/api/v1/log-streaming/health")).status, "healthy");
}

await automation();
await executions();
await live(await batch());
db.close();
console.log(db.constructor.name);
