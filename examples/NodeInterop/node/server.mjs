// The Express server of the "distributed tracing" page of the LangSmith docs.
import express from "express";
import { RunTree } from "langsmith";
import { traceable, withRunTree } from "langsmith/traceable";

const server = traceable((text) => `Hello from Express! Received "${text}"`, { name: "server" });

const app = express();
app.use(express.text());

app.post("/", async (req, res) => {
  console.log(req.headers["langsmith-trace"]); // for the example's report
  console.log(req.headers["baggage"]);

  const runTree = RunTree.fromHeaders(req.headers);
  const result = await withRunTree(runTree, () => server(req.body));
  res.send(result);
});

// What the docs leave out: say where it listens, and post the runs when it is told to end.
const listener = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${listener.address().port}`));
process.stdin.resume().on("end", async () => {
  await RunTree.getSharedClient().awaitPendingTraceBatches();
  process.exit();
});
