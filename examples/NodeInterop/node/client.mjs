// The client of the "distributed tracing" page of the LangSmith docs.
import { RunTree } from "langsmith";
import { getCurrentRunTree, traceable } from "langsmith/traceable";

const client = traceable(
  async (text) => {
    const runTree = getCurrentRunTree();
    const response = await fetch(process.argv[2], {
      method: "POST",
      headers: runTree.toHeaders(),
      body: text,
    });
    return await response.text();
  },
  { name: "client", metadata: { thread_id: "t-2" } },
);

console.log(await client("你好 from Node"));
await RunTree.getSharedClient().awaitPendingTraceBatches(); // A process that ends posts its runs first.
