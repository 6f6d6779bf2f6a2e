using System.Text;
using GatewayExample;

// A reverse proxy at the edge, in front of an internal service. Each has its own container and its own recorder, as if it
// were a process of its own; they share nothing but sockets.
//
//   anybody ──HTTP──▶ gateway ──HTTP──▶ internal service
//                     trusts nobody,    trusts the gateway,
//                     starts a trace    continues it
Console.OutputEncoding = Encoding.UTF8;

var wire = new Wire();
await using var service = await InternalService.StartAsync(wire);
var serviceAddress = service.Urls.First();
await using var gateway = await Gateway.StartAsync(serviceAddress, wire);
var gatewayAddress = gateway.Urls.First();

// Callers know nothing of tracing, or pretend to: a client without our handler.
using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(gatewayAddress) };
var answers = new List<string>();
foreach (var caller in Caller.All)
    answers.Add(await caller.AskAsync(http));

// A run of the gateway ends behind its response: stopping waits for that.
await gateway.StopAsync();
await service.StopAsync();

ServiceRun[] runs = [.. ServiceRun.Of("gateway", gateway.Services), .. ServiceRun.Of("internal", service.Services)];
var exchanges = Caller.All.Zip(answers, (caller, answer) => new Exchange(caller, answer, wire, runs)).ToList();
var checks = Check.All(exchanges).ToList();
Console.WriteLine($"gateway on {gatewayAddress}, internal service on {serviceAddress}");
exchanges.ForEach(Report.Print);
Report.Print(checks);

var failed = checks.Count(check => !check.Holds);
Console.WriteLine();
Console.WriteLine(failed == 0
    ? $"OK: {exchanges.Count} callers, {runs.Length} runs; every trace starts at the gateway."
    : $"FAILED: {failed} of {checks.Count} checks do not hold.");
return failed == 0 ? 0 : 1;
