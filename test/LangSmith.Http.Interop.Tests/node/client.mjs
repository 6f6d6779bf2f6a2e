// Asks what stdin says, all lines at once: {url, project, tags, metadata, foreign, question}. Prints one line per answer,
// in the order of the questions, and ends when every run is posted.
import { createInterface } from "node:readline";
import { RunTree } from "langsmith";
import { getCurrentRunTree, traceable } from "langsmith/traceable";

const ask = ({ url, project, tags, metadata, foreign, question }) =>
  traceable(
    async (question) => {
      // With tracing off there is no run that has headers.
      const headers = getCurrentRunTree(true)?.toHeaders?.() ?? {};
      if (foreign) headers.baggage += `,${foreign}`;
      const response = await fetch(url, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(question),
      });
      if (!response.ok) throw new Error(`The service answered ${response.status}.`);
      return { headers, answer: await response.json() };
    },
    { name: "ask", project_name: project, tags, metadata },
  )(question).catch((error) => ({ error: error.message }));

const answers = [];
for await (const line of createInterface({ input: process.stdin })) answers.push(ask(JSON.parse(line)));
for (const answer of await Promise.all(answers)) console.log(JSON.stringify(answer));
await RunTree.getSharedClient().awaitPendingTraceBatches();
