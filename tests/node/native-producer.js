// A producer on the native wire, generated from the contract at run time.
//
//   node native-producer.js ADDRESS PRODUCER TASK BATCH < lines
//
// Sends what the gateway does not have on disk yet, within its credit; prints what was acknowledged.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const [address, producerId, taskId, batchLines] = process.argv.slice(2);
const proto = fileURLToPath(new URL("../../proto/otto/logs/v1/logs.proto", import.meta.url));
const { otto } = grpc.loadPackageDefinition(loadSync(proto, { keepCase: true, longs: Number, enums: String }));
const client = new otto.logs.v1.LogIngestService(address, grpc.credentials.createInsecure());

const lines = readFileSync(0).toString("latin1").split("\n").slice(0, -1);
const requests = [];
for (let i = 0; i < lines.length; i += Number(batchLines)) {
  const batch = lines.slice(i, i + Number(batchLines)).map((line) => ({ message: Buffer.from(line, "latin1") }));
  requests.push({ number: requests.length + 1, lines: { task_id: taskId, worker_id: "node", lines: batch } });
}

const stream = client.Publish();
const result = { resumedAfter: null, acknowledged: 0, responses: 0, inFlightMax: 0, code: null };
let next = 0;
let credit = 0;
const inFlight = () => requests.slice(result.acknowledged, next).reduce((sum, r) => sum + r.lines.lines.length, 0);

function sendWithinCredit() {
  while (next < requests.length) {
    const flying = inFlight();
    if (flying > 0 && flying + requests[next].lines.lines.length > credit) break;
    stream.write(requests[next]);
    next += 1;
    result.inFlightMax = Math.max(result.inFlightMax, inFlight());
  }
  if (result.acknowledged >= requests.length) stream.end();
}

const ended = new Promise((resolve) => {
  stream.on("data", (response) => {
    result.responses += 1;
    result.acknowledged = Math.max(result.acknowledged, response.acknowledged_number ?? 0);
    if (result.resumedAfter === null) {
      result.resumedAfter = result.acknowledged;
      next = result.acknowledged;
    }
    credit = response.credit_lines;
    sendWithinCredit();
  });
  stream.on("error", () => {});
  stream.on("status", (status) => {
    result.code = status.code;
    resolve();
  });
});
stream.write({ hello: { producer_id: producerId, agent: "native-producer.js" } });
await ended;
client.close();
process.stdout.write(`${JSON.stringify(result)}\n`);
