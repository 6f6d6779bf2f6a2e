using System.ComponentModel;
using System.Net;
using System.Text;
using LangSmith.Http;
using NodeInterop;

// The "distributed tracing" page of the LangSmith docs with one side in C#, both ways round. The other side is the
// official JavaScript SDK. Each side posts its own runs to a LangSmith in this process; that they are one tree is the headers' doing.
//
//   1.  C# client  ──HTTP──▶  Express server
//   2.  Node client  ──HTTP──▶  ASP.NET Core server
Console.OutputEncoding = Encoding.UTF8;
HttpClient.DefaultProxy = new WebProxy();   // Everything is on loopback, whatever HTTP_PROXY says.

try
{
    await NodeProgram.InstallAsync();
}
catch (Win32Exception exception)
{
    Console.WriteLine($"This example needs Node.js 18 or newer, with npm: https://nodejs.org. {exception.Message}");
    return 2;
}

await using var collector = await LangSmithCollector.StartAsync();

var first = new Crossing("1. C# client → Express server");
await using (var express = NodeProgram.Start("server.mjs", collector.Endpoint))
{
    var address = new Uri(await express.ReadLineAsync());
    await using (var client = new DotNetClient(address, collector.Endpoint))
        first.Answer = await client.SayAsync("你好 from C#");
    first.Trace = await express.ReadLineAsync();
    first.Baggage = await express.ReadLineAsync();
    await express.EndAsync();
    first.Take(collector);
}

var second = new Crossing("2. Node client → ASP.NET Core server");
await using (var server = await DotNetServer.StartAsync(second, collector.Endpoint))
await using (var client = NodeProgram.Start("client.mjs", collector.Endpoint, server.Urls.Single()))
{
    second.Answer = await client.ReadLineAsync();
    await client.EndAsync();
    await server.StopAsync();   // posts what waits
    second.Take(collector);
}

Crossing[] crossings = [first, second];
foreach (var crossing in crossings)
    crossing.Print();

var failed = crossings.Sum(crossing => crossing.Checks().Count(check => !check.Holds));
Console.WriteLine(failed == 0
    ? $"OK: {crossings.Length} directions, {crossings.Sum(crossing => crossing.Runs.Count)} runs; each trace is one connected tree across both languages."
    : $"FAILED: {failed} checks do not hold.");
return failed == 0 ? 0 : 1;
