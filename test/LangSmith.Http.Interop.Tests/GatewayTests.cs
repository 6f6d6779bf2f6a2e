using System.Diagnostics;
using System.Net;
using System.Reflection;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Interop.Tests;

/// <summary>A TypeScript service behind the Gateway example, whose callers may send any baggage.</summary>
public sealed class GatewayTests : NodeTests
{
    private const string Good = "ok=a%20b;prop=1";

    [Test]
    public async Task Express_CallerSendsOddBaggage_AnswersAndContinuesTheTrace()
    {
        var express = Start("server.mjs", "Express");
        using var gateway = StartGateway(await express.ListensAsync());
        var address = new Uri((await gateway.StandardOutput.ReadLineAsync())!);
        using var outsider = new HttpClient();
        (string Sent, string Arrives)[] members =
        [
            ("userId=100%", "userId=100%25"), ("x=%FF", "x=%25FF"), ("y=%zz", "y=%25zz"), ("a=%E2%82", "a=%25E2%2582"), ("b=%C0%AF", "b=%25C0%25AF"),
            ("c=%ED%A0%80", "c=%25ED%25A0%2580"), ("d=%", "d=%25"), ("e=%2", "e=%252"), ("f=1;p%", "f=1;p%25"), ("g=1;p=50%", "g=1;p=50%"),
            ("novalue", "novalue"), ("=v", "=v"), ("h==%", "h==%25"), ("i%=1", "i%=1"), ("j=%F4%90%80%80", "j=%25F4%2590%2580%2580"),
            ("k=%E2%82%AC", "k=%E2%82%AC"), ("langsmith-project=%FF", ""), ("l = %", "l = %25"),
        ];

        try
        {
            using var all = Assert.EnterMultipleScope();
            foreach (var (sent, arrives) in members)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, "answers/odd"));
                request.Headers.TryAddWithoutValidation("baggage", $",, {sent} , {Good},,");
                using var response = await outsider.SendAsync(request);
                var text = await response.Content.ReadAsStringAsync();
                Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), $"{sent}: {text}");
                var answer = JsonNode.Parse(text)!;
                Assert.That((string?)answer["baggage"], Is.EqualTo($"langsmith-project=edge,{(arrives.Length == 0 ? "" : arrives + ",")}{Good}"), sent);
                Assert.That((string?)answer["parent"]!["project"], Is.EqualTo("edge"), sent);
            }
        }
        finally
        {
            gateway.Kill(entireProcessTree: true);
            await gateway.WaitForExitAsync();
        }
    }

    private static Process StartGateway(Uri service)
    {
        var configuration = typeof(GatewayTests).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        return Process.Start(new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [Repository.PathTo($"examples/Gateway/bin/{configuration}/net10.0/Gateway.dll"), "--service", service.ToString()])
        {
            RedirectStandardOutput = true,
        })!;
    }
}
