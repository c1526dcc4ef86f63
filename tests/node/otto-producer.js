// A worker on Otto's wire, as its Go client is one: a line a message, responses counted in their own loop.
//
//   node otto-producer.js ADDRESS METHOD TASK WORKER < lines
//
// Prints one JSON object: how many of each status, the sequences, and how the stream ended.
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const [address, method, taskId, workerId] = process.argv.slice(2);
const proto = fileURLToPath(new URL("../../proto/ottoscaler/v1/log_streaming.proto", import.meta.url));
const { ottoscaler } = grpc.loadPackageDefinition(loadSync(proto, { keepCase: true, longs: Number, enums: String }));
const { LogStreamingService, OttoHandlerLogService } = ottoscaler.v1;
const Service = method === "StreamLogs" ? LogStreamingService : OttoHandlerLogService;
const client = new Service(address, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
if (process.env.TOKEN) metadata.set("authorization", `Bearer ${process.env.TOKEN}`);

if (method === "StreamLogs") {
  await new Promise((resolve, reject) => {
    const request = { worker_id: workerId, task_id: taskId, metadata: { pod_name: "node-pod" } };
    client.RegisterWorker(request, metadata, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

const stream = client[method](metadata);
const result = { ACK: 0, RETRY: 0, DROP: 0, sequences: [], code: null, details: "" };
const ended = new Promise((resolve) => {
  stream.on("data", (response) => {
    result[response.status ?? "ACK"] += 1;
    result.sequences.push(response.sequence ?? 0);
  });
  stream.on("error", () => {});
  stream.on("status", (status) => {
    result.code = status.code;
    result.details = status.details;
    resolve();
  });
});

for await (const message of createInterface({ input: process.stdin, crlfDelay: 0 })) {
  const line = { worker_id: workerId, task_id: taskId, timestamp: new Date().toISOString(), level: "info", message };
  if (!stream.write(line)) await new Promise((resolve) => stream.once("drain", resolve));
}
stream.end();
await ended;

if (method === "ForwardWorkerLogs" && result.code === grpc.status.OK) {
  result.completed = await new Promise((resolve, reject) => {
    const request = { worker_id: workerId, task_id: taskId, status: "COMPLETED" };
    client.NotifyWorkerStatus(request, metadata, (error, response) => (error ? reject(error) : resolve(response.status ?? "RECEIVED")));
  });
}
client.close();
process.stdout.write(`${JSON.stringify(result)}\n`);
