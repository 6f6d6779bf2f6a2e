// An Express server that continues its callers' runs. It prints its port when it listens; a line on stdin makes it post
// what it has and say so, the end of stdin ends it.
import { createInterface } from "node:readline";
import express from "express";
import { RunTree } from "langsmith";
import { getCurrentRunTree, traceable, withRunTree } from "langsmith/traceable";

const callWorker = async (worker, question) => {
  // With tracing off a traceable has no run; outside of one the parent is still current.
  const headers = getCurrentRunTree(true)?.toHeaders?.() ?? {};
  const response = await fetch(worker, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(question),
  });
  if (!response.ok) throw new Error(`The worker answered ${response.status}.`);
  return response.json();
};

// Asks the worker twice at once; a side that fails leaves the answer to the other.
const answer = traceable(
  async ({ question, worker, fails }) => {
    if (!worker && fails) throw new Error("Nobody knows 不知道.");
    if (!worker) return { text: `Express has "${question}"` };
    const side = (name) =>
      traceable((question) => callWorker(worker, { question, fails: fails && name === "right" }), {
        name,
        tags: [`${name} 👋`],
        metadata: { side: name },
      })(question);
    const sides = await Promise.allSettled([side("left"), side("right")]);
    return { sides: sides.map(({ value, reason }) => value ?? reason.message) };
  },
  { name: "answer", metadata: { answered_by: "Node ✓" } },
);

const app = express();
app.use(express.json());

app.post("/answer", async (request, response) => {
  const parent = RunTree.fromHeaders(request.headers);
  const result = await withRunTree(parent, () => answer(request.body));
  response.json({ ...result, baggage: request.headers.baggage, parent: parent && seen(parent) });
});

// What a service does that passes the trace on without runs of its own.
app.post("/relay", async (request, response) => {
  const parent = RunTree.fromHeaders(request.headers);
  response.json(await withRunTree(parent, () => callWorker(request.body.worker, request.body)));
});

// Behind the Gateway example. Nothing catches what fromHeaders throws: Express answers 500.
app.get("/answers/:topic", async (request, response) => {
  const parent = RunTree.fromHeaders(request.headers);
  // The SDK's clock counts milliseconds, the gateway's microseconds: LangSmith refuses a child that seems to start first.
  await new Promise((resolve) => setTimeout(resolve, 5));
  const { text } = await withRunTree(parent, () => answer({ question: request.params.topic }));
  const { "langsmith-trace": trace, baggage } = request.headers;
  response.json({ text, trace, baggage, parent: parent && seen(parent) });
});

app.use((error, request, response, next) => response.status(500).send(error.message));

const seen = ({ id, trace_id, dotted_order, project_name, tags, extra }) => ({
  id, trace_id, dotted_order, project: project_name, tags, metadata: extra?.metadata,
});

const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
for await (const line of createInterface({ input: process.stdin })) {
  await RunTree.getSharedClient().awaitPendingTraceBatches();
  console.log(line);
}
process.exit();
