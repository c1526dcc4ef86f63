// Socket.IO subscribers that are cut off where they are told, or because the gateway is restarted, and resume behind the last
// line that they saw.
//
//   node subscribers.js < plan.json
//
// The plan: {"url", "taskId", "subscribers": [{"filter", "batch", "cuts", "output"}]}. `cuts` are counts of lines, ascending;
// `output` is a file that gets "EPOCH\tSEQUENCE\tWORKER\tMESSAGE" for each line. Prints "READY" when all have subscribed for the first
// time, and ends when all have been told that the task is complete.
import { createWriteStream, readFileSync } from "node:fs";
import { once } from "node:events";
import { io } from "socket.io-client";

const RECONNECT_MILLISECONDS = 50;
// A server that dies between the WebSocket's handshake and Engine.IO's first packet is noticed by this alone; its default is 20 s.
const CONNECT_MILLISECONDS_MAX = 2000;
const COME_BACK = new Set(["SERVER_SHUTDOWN", "STORAGE_UNAVAILABLE", "UNAVAILABLE"]);
const plan = JSON.parse(readFileSync(0, "utf8"));
let waiting = plan.subscribers.length;

function follow({ filter, batch, cuts, output }, onReady) {
  const file = createWriteStream(output);
  const result = { lines: 0, connections: 0, gaps: [] };
  let epoch = "";
  let sequence = 0;
  return new Promise((resolve, reject) => {
    const connect = () => {
      const options = { transports: ["websocket"], forceNew: true, reconnection: false, timeout: CONNECT_MILLISECONDS_MAX };
      const socket = io(`${plan.url}/log-streaming`, options);
      let isCut = false;
      const take = (entry) => {
        if (isCut) return; // what was on its way already, as if it had never arrived
        sequence = entry.sequence;
        result.lines += 1;
        file.write(`${epoch}\t${entry.sequence}\t${entry.workerId}\t${entry.message}\n`);
        if (result.lines >= cuts[0]) {
          cuts.shift();
          isCut = true;
          socket.disconnect();
          setImmediate(connect);
        }
      };
      socket.on("connect", () => {
        result.connections += 1;
        socket.emit("subscribe-to-logs", { taskId: plan.taskId, filter, batch, after: epoch ? `${epoch}-${sequence}` : 0 });
      });
      const comeBack = () => {
        if (isCut) return;
        isCut = true;
        socket.disconnect();
        setTimeout(connect, RECONNECT_MILLISECONDS);
      };
      socket.on("connect_error", comeBack);
      socket.on("disconnect", comeBack);
      socket.on("subscription_success", (answer) => {
        if (answer.epoch !== epoch) sequence = 0; // the journal went back in time: everything comes again
        epoch = answer.epoch;
        onReady();
      });
      socket.on("subscription_error", (error) => {
        if (COME_BACK.has(error.code)) comeBack();
        else reject(new Error(JSON.stringify(error)));
      });
      socket.on("log-entry", take);
      socket.on("log-entries", (entries) => entries.forEach(take));
      socket.on("log-gap", (gap) => result.gaps.push(gap));
      socket.on("log-complete", async () => {
        if (isCut) return;
        isCut = true;
        socket.disconnect();
        file.end();
        await once(file, "finish");
        resolve(result);
      });
    };
    connect();
  });
}

const results = plan.subscribers.map((subscriber) => {
  let isReady = false;
  return follow(subscriber, () => {
    if (isReady) return;
    isReady = true;
    waiting -= 1;
    if (waiting === 0) process.stdout.write("READY\n");
  });
});
process.stdout.write(`${JSON.stringify(await Promise.all(results))}\n`);
