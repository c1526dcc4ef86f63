// Otto's wire in with @grpc/grpc-js (an answer for each line), Server-Sent Events out, in memory: nothing is stored.
import http from "node:http";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [grpcPort, httpPort] = process.argv.slice(2).map(Number);
const contract = new URL("../../proto/ottoscaler/v1/log_streaming.proto", import.meta.url).pathname;
const definition = loader.loadSync(contract, { keepCase: false, longs: Number, defaults: true });
const { OttoHandlerLogService } = grpc.loadPackageDefinition(definition).ottoscaler.v1;
const tasks = new Map();

function taskOf(id) {
  if (!tasks.has(id)) tasks.set(id, { lines: [], readers: new Set() });
  return tasks.get(id);
}

const server = new grpc.Server();
server.addService(OttoHandlerLogService.service, {
  forwardWorkerLogs(call) {
    call.on("data", ({ taskId, workerId, timestamp, level, source, message }) => {
      const task = taskOf(taskId);
      const sequence = task.lines.length + 1;
      const entry = JSON.stringify({ taskId, workerId, sequence, timestamp, level, source, message });
      const event = `id: ${sequence}\ndata: ${entry}\n\n`;
      task.lines.push(event);
      for (const reader of task.readers) reader.write(event);
      call.write({ sequence });
    });
    call.on("end", () => call.end());
    call.on("error", () => {});
  },
  notifyWorkerStatus: (_call, done) => done(null, {}),
});
server.bindAsync(`127.0.0.1:${grpcPort}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  http
    .createServer((request, response) => {
      const task = taskOf(decodeURIComponent(request.url.split("/").at(-2)));
      response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
      response.flushHeaders();
      if (task.lines.length) response.write(task.lines.join(""));
      task.readers.add(response);
      request.on("close", () => task.readers.delete(response));
    })
    .listen(httpPort, "127.0.0.1", 4096);
});
