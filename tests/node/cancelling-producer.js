// A worker on Otto's wire that cancels its stream right behind its last line, as the scaler does.
//
//   node cancelling-producer.js ADDRESS TASK COUNT
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const [address, taskId, count] = process.argv.slice(2);
const proto = fileURLToPath(new URL("../../proto/ottoscaler/v1/log_streaming.proto", import.meta.url));
const { ottoscaler } = grpc.loadPackageDefinition(loadSync(proto, { keepCase: true }));
const client = new ottoscaler.v1.OttoHandlerLogService(address, grpc.credentials.createInsecure());

const stream = client.ForwardWorkerLogs();
stream.on("data", () => {});
stream.on("error", () => {});
const ended = new Promise((resolve) => stream.on("status", resolve));
for (let number = 0; number < Number(count); number += 1) {
  const line = { worker_id: "w", task_id: taskId, message: `line ${number}` };
  if (!stream.write(line)) await new Promise((resolve) => stream.once("drain", resolve));
}
stream.cancel();
await ended;
client.close();
