// Server-Sent Events on plain Node: lines come in over TCP as JSON, one a line, and go to everyone who watches their task.
import http from "node:http";
import net from "node:net";
import readline from "node:readline";

const port = Number(process.argv[2]);
const watchers = new Map();

http
  .createServer((request, response) => {
    const task = request.url.split("/").pop();
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
    response.flushHeaders();
    if (!watchers.has(task)) watchers.set(task, new Set());
    watchers.get(task).add(response);
    request.on("close", () => watchers.get(task).delete(response));
  })
  .listen(port, "127.0.0.1", 4096);

net
  .createServer((socket) => {
    readline.createInterface({ input: socket }).on("line", (line) => {
      const entry = JSON.parse(line);
      const event = `id: ${entry.sequence}\ndata: ${JSON.stringify(entry)}\n\n`;
      for (const response of watchers.get(entry.taskId) ?? []) response.write(event);
    });
    socket.on("end", () => socket.end("done\n"));
  })
  .listen(port + 1, "127.0.0.1");
