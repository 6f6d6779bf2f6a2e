// Posts runs to LANGSMITH_ENDPOINT as fast as the SDK can, and prints what it took. For the benchmarks' command "export";
// what is posted is told in ExportChild.cs, which does the same in .NET. Arguments: how many runs, and how many before
// them to warm up. Stdin: the texts.
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { Client, RunTree } from "langsmith";

const runsPerFlush = 5_000;
const [runs, warmUpRuns] = process.argv.slice(2).map(Number);
const texts = JSON.parse(readFileSync(0, "utf8"));
const text = (n) => texts[n % texts.length];
const inputs = (n) => ({
  messages: [
    { role: "system", content: text(n) },
    { role: "user", content: `${text(3 * n)} #${n}` },
  ],
});
const outputs = (n) => ({ messages: [{ role: "assistant", content: `${text(5 * n)} ${text(7 * n)} #${n}` }] });
const peakKiB = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);

const client = new Client();
let next = 0;

const trace = async () => {
  const first = next;
  next += 10;
  const root = new RunTree({
    client,
    name: "answer",
    run_type: "chain",
    inputs: inputs(first),
    metadata: { user_id: `u-${first}`, thread_id: `thread-${first}`, model: "gpt-4o" },
    tags: ["benchmark"],
  });
  await root.postRun();
  for (let n = first + 1; n < first + 10; n++) {
    const [name, run_type] = n % 2 === 0 ? ["search", "tool"] : ["complete", "llm"];
    const child = root.createChild({ name, run_type, inputs: inputs(n), tags: ["benchmark"] });
    await child.postRun();
    await child.end(outputs(n));
    await child.patchRun();
  }
  await root.end(outputs(first));
  await root.patchRun();
};

const send = async (count) => {
  for (const end = next + count; next < end; ) {
    await trace();
    // As a server does between requests; without it nothing would be sent before the flush.
    await setImmediate();
    if (next % runsPerFlush === 0 || next === end) {
      // Without flush() the last batch waits for its timer.
      await client.flush();
      await client.awaitPendingTraceBatches();
    }
  }
};

const baseKiB = peakKiB();
await send(warmUpRuns);
const cpu = process.cpuUsage();
const start = performance.now();
await send(runs);
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, baseKiB, peakKiB: peakKiB(), dropped: 0 }));
