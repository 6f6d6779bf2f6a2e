// The documentation's traceable example with everything a run can have, posted to LANGSMITH_ENDPOINT.
import { Client } from "langsmith";
import { traceable } from "langsmith/traceable";

const client = new Client({ apiUrl: process.env.LANGSMITH_ENDPOINT, autoBatchTracing: process.env.AUTO_BATCH !== "false" });

const retrieve = traceable(async (question) => [{ page_content: `About ${question}` }], { name: "retrieve", run_type: "retriever", tags: ["t1"] });
const complete = traceable(
  async (prompt) => ({ role: "assistant", content: "42 é🎉", usage_metadata: { input_tokens: 3, output_tokens: 5, total_tokens: 8 } }),
  { name: "complete", run_type: "llm", metadata: { ls_provider: "openai", ls_model_name: "gpt-x" } },
);
const write = traceable(async (question, documents) => (await complete(`${question} ${documents[0].page_content}`)).content, { name: "write" });
const rate = traceable(
  async () => {
    throw new TypeError("nobody rates");
  },
  { name: "rate", run_type: "tool" },
);
const ask = traceable(
  async ({ question }) => {
    const answer = await write(question, await retrieve(question));
    await rate(answer).catch(() => {});
    return { answer };
  },
  {
    name: "ask",
    client,
    project_name: "shop é",
    tags: ["a", "b"],
    metadata: { thread_id: "t-1", n: 1 },
    extractAttachments: ({ note, ...inputs }) => [{ note: ["text/plain", note] }, inputs],
  },
);

await ask({ question: "what?", note: new TextEncoder().encode("hi there") });
await client.awaitPendingTraceBatches();
