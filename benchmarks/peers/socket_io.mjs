// Socket.IO on Node: the gateway's events, one emit to the task's room for each line.
import http from "node:http";
import net from "node:net";
import readline from "node:readline";
import { Server } from "socket.io";

const port = Number(process.argv[2]);
const server = http.createServer();
const namespace = new Server(server, { transports: ["websocket"] }).of("/log-streaming");

namespace.on("connection", (socket) => {
  socket.on("subscribe-to-logs", ({ taskId }, answer) => {
    socket.join(taskId);
    answer({ success: true });
  });
});
server.listen(port, "127.0.0.1", 4096);

net
  .createServer((socket) => {
    readline.createInterface({ input: socket }).on("line", (line) => {
      const entry = JSON.parse(line);
      namespace.to(entry.taskId).emit("log-entry", entry);
    });
    socket.on("end", () => socket.end("done\n"));
  })
  .listen(port + 1, "127.0.0.1");
