// Connects with socket.io-client 2, which speaks Engine.IO 3, and prints what it is told, one line per event.
// Arguments: address, namespace, transports (comma separated). Ends where its input does.
import io from "socket.io-client-2";

const [address, namespace, transports] = process.argv.slice(2);
const print = (kind, payload) => process.stdout.write(`${JSON.stringify([kind, payload ?? null])}\n`);

const socket = io(`${address}${namespace}`, {
  transports: transports.split(","),
  reconnectionDelay: 10,
  reconnectionDelayMax: 10,
  randomizationFactor: 0,
});
socket.on("error", (error) => print("error", error.message ?? error));
socket.on("disconnect", (reason) => {
  print("disconnect", reason);
  // Its manager tries again unless it was closed, which happens once the last namespace is left.
  setImmediate(() => print("tries again", !socket.io.skipReconnect));
});
for (const event of ["connect", "connect_error", "reconnect_attempt"]) {
  socket.on(event, (value) => print(event, value?.message ?? value));
}

process.stdin.on("end", () => process.exit());
process.stdin.resume();
