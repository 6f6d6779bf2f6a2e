using System.Text;
using GatewayExample;
using LangSmith.Http;

// A reverse proxy at the edge, in front of an internal service. Each has its own container, as if it were a process of its
// own; they share nothing but sockets, and the LangSmith they post to: a local one, in this process.
//
//   anybody ──HTTP──▶ gateway ──HTTP──▶ internal service
//                     trusts nobody,    trusts the gateway,
//                     starts a trace    continues it
Console.OutputEncoding = Encoding.UTF8;

var wire = new Wire();
await using var collector = await LangSmithCollector.StartAsync();

// A service of yours behind the gateway: --service http://127.0.0.1:3000 --langsmith http://127.0.0.1:1984
if (args is ["--service", var address, .. var rest] && rest is [] or ["--langsmith", _])
{
    var langSmith = rest is [_, var endpoint] ? new Uri(endpoint) : collector.Endpoint;
    await using var edge = await Gateway.StartAsync(address, wire, langSmith);
    Console.WriteLine(edge.Urls.First());
    await edge.WaitForShutdownAsync();
    return 0;
}

await using var service = await InternalService.StartAsync(wire, collector.Endpoint);
var serviceAddress = service.Urls.First();
await using var gateway = await Gateway.StartAsync(serviceAddress, wire, collector.Endpoint);
var gatewayAddress = gateway.Urls.First();

// Callers know nothing of tracing, or pretend to: a client without our handler.
using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(gatewayAddress) };
var answers = new List<string>();
foreach (var caller in Caller.All)
    answers.Add(await caller.AskAsync(http));

// Runs are posted in the background, and the gateway's end behind its responses. Should runs be missing, the checks say it better than an exception.
await collector.WaitForRunsAsync(2 * Caller.All.Count).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

var traces = collector.Traces;
var exchanges = Caller.All.Zip(answers, (caller, answer) => new Exchange(caller, answer, wire, traces)).ToList();
var checks = Check.All(exchanges, collector).ToList();
Console.WriteLine($"gateway on {gatewayAddress}, internal service on {serviceAddress}");
exchanges.ForEach(Report.Print);
Report.Print(checks);

var failed = checks.Count(check => !check.Holds);
Console.WriteLine();
Console.WriteLine(failed == 0
    ? $"OK: {exchanges.Count} callers, {traces.Sum(trace => trace.Runs.Count)} runs; every trace starts at the gateway."
    : $"FAILED: {failed} of {checks.Count} checks do not hold.");
if (args.Contains("--stay"))
{
    Console.WriteLine($"Look at it: {collector.Endpoint} — Ctrl+C ends");
    await gateway.WaitForShutdownAsync();
}
else
{
    Console.WriteLine($"The page was {collector.Endpoint}; with --stay it stays up.");
}

return failed == 0 ? 0 : 1;
