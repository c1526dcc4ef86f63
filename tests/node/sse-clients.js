// Clients of Server-Sent Events that nobody here wrote, each on the whole stream of a task that has ended; prints what each heard.
//
//   node sse-clients.js URL
import { fetchEventSource } from "@microsoft/fetch-event-source";
import { EventSource } from "eventsource";

const [url] = process.argv.slice(2);
// What they expect of a browser.
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
// The body of a 204 is null in Node.js; the polyfill reads it as the empty stream that it is in other implementations.
const { fetch: fetchOfNode } = globalThis;
globalThis.fetch = async (...request) => {
  const answer = await fetchOfNode(...request);
  if (!answer.body) Object.defineProperty(answer, "body", { value: new ReadableStream({ start: (body) => body.close() }) });
  return answer;
};
const { default: polyfill } = await import("event-source-polyfill");
globalThis.window = globalThis;

const sequences = (heard) => heard.map((data) => JSON.parse(data).sequence);

// It comes back by itself, and stops at the 204 that answers the last position.
const follow = (Source) =>
  new Promise((resolve) => {
    const source = new Source(url);
    const heard = [];
    let ends = 0;
    source.onmessage = (event) => heard.push(event.data);
    source.addEventListener("complete", () => (ends += 1));
    source.onerror = () => source.readyState === 2 && resolve([sequences(heard), ends]);
  });

const fetched = async () => {
  const [heard, empty] = [[], []];
  let ends = 0;
  await fetchEventSource(url, {
    openWhenHidden: true,
    fetch,
    onopen: async () => {},
    onmessage: ({ event, data }) => {
      if (!data) empty.push(event);
      else if (event === "complete") ends += 1;
      else heard.push(data);
    },
    onerror: (error) => {
      throw error;
    },
  });
  return [sequences(heard), ends, empty.length];
};

console.log(JSON.stringify({
  eventsource: await follow(EventSource),
  polyfill: await follow(polyfill.EventSourcePolyfill),
  fetchEventSource: await fetched(),
}));
process.exit(0);
