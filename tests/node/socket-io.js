// Subscribes with the official client, as a frontend would, and prints what it sees as JSON, one line per event.
// Arguments: address, transports (comma separated), token. Commands come on standard input: a JSON array [event, payload].
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [address, transports, token] = process.argv.slice(2);
const print = (kind, name, payload) => process.stdout.write(`${JSON.stringify([kind, name, payload])}\n`);

const socket = io(`${address}/log-streaming`, {
  transports: transports.split(","),
  auth: token ? { token } : {},
  reconnectionDelay: 50,
  reconnectionDelayMax: 100,
});
socket.onAny((name, payload) => print("event", name, payload));
socket.on("connect", () => print("connect", socket.io.engine.transport.name, null));
socket.on("connect_error", (error) => print("connect_error", error.message, error.data ?? null));
socket.on("disconnect", (reason) => print("disconnect", reason, null));
socket.io.engine.on("upgrade", (transport) => print("upgrade", transport.name, null));

for await (const line of createInterface({ input: process.stdin })) {
  const [event, payload] = JSON.parse(line);
  socket.emit(event, payload, (answer) => print("answer", event, answer));
}
socket.close();
