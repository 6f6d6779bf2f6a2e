using System.Net;
using System.Text;
using Quickstart;

// One trace across three services. Each has its own container and its own recorder, as if it were a process of its own;
// they share nothing but sockets and a queue.
//
//   console ──HTTP──▶ gateway ──HTTP──▶ worker
//                        └──────queue─────▶
Console.OutputEncoding = Encoding.UTF8;
HttpClient.DefaultProxy = new WebProxy();   // Everything is on loopback, whatever HTTP_PROXY says.

Question[] questions =
[
    new("sky", "a plain call"),
    new("rivers", "the worker is busy once, the gateway retries"),
    new("tides", "the worker has moved it, the gateway follows the 307"),
    new("tea", "answered later: the job goes over a queue") { IsLater = true },
    new("dragons", "nobody knows: the call fails in all three services") { Fails = true },
];

var wire = new Wire();
var queue = new JobQueue();
await using var worker = await Worker.StartAsync(queue, wire);
var workerAddress = worker.Urls.First();
await using var gateway = await Gateway.StartAsync(new Uri(workerAddress), queue, wire);
var gatewayAddress = gateway.Urls.First();
await using var console = new ConsoleClient(new Uri(gatewayAddress));

// All at once: every flow has a run of its own.
var answers = await Task.WhenAll(questions.Select(console.AskAsync));

// Stopping drains the queue, so that every run has ended.
await gateway.StopAsync();
queue.Complete();
await worker.StopAsync();

ServiceRun[] runs =
[
    .. ServiceRun.Of("console", console.Services),
    .. ServiceRun.Of("gateway", gateway.Services),
    .. ServiceRun.Of("worker", worker.Services),
];

var trees = questions.Zip(answers, (question, answer) => new Tree(question, answer, runs)).ToList();
var checks = new Checks(trees, runs, wire.Hops).All().ToList();
Console.WriteLine($"console, gateway on {gatewayAddress}, worker on {workerAddress}");
Console.WriteLine();
Report.Hops(trees, wire.Hops);
Report.Trees(trees);
Report.Checks(checks);

var failed = checks.Count(check => !check.Holds);
Console.WriteLine();
Console.WriteLine(failed == 0
    ? $"OK: {questions.Length} questions, {runs.Length} runs, {wire.Hops.Count} hops; every trace is one connected tree."
    : $"FAILED: {failed} of {checks.Count} checks do not hold.");
return failed == 0 ? 0 : 1;
