// A Socket.IO client as an application has it: the library reconnects, and it subscribes again behind the last line it saw.
//
//   node reconnecting.js URL TASK
//
// Prints one line of JSON for each entry, and ends when the task is complete.
import { io } from "socket.io-client";

const [url, taskId] = process.argv.slice(2);
const socket = io(`${url}/log-streaming`, { transports: ["websocket"], reconnectionDelay: 50, reconnectionDelayMax: 200 });
let after = 0;

socket.on("connect", () => socket.emit("subscribe-to-logs", { taskId, after }));
socket.on("subscription_error", (error) => {
  process.stderr.write(`${JSON.stringify(error)}\n`);
  process.exit(1);
});
socket.on("log-entry", (entry) => {
  after = entry.sequence;
  process.stdout.write(`${JSON.stringify(entry)}\n`);
});
socket.on("log-complete", () => socket.disconnect());
