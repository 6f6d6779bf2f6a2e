using System.Net;
using System.Net.Sockets;
using LangSmith.Http;

const string DefaultAddress = "http://127.0.0.1:1984";

if (args is not ([] or ["--urls", not ""]))
{
    var isHelp = args is ["-h" or "--help" or "-?"];
    (isHelp ? Console.Out : Console.Error).WriteLine($"""
        Starts a local LangSmith that keeps the runs of any SDK in memory and shows them on a page.

        Usage: langsmith-local [--urls <address>]

          --urls <address>   The address to listen on. The default is {DefaultAddress}; port 0 takes a free one.
                             Who reaches it sees every payload: keep it on this machine.
        """);
    return isHelp ? 0 : 2;
}

var address = args is [_, var given] ? given : DefaultAddress;
// Not the current folder: its appsettings.json are another application's.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
builder.Logging.SetMinimumLevel(LogLevel.Warning).AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
builder.WebHost.UseUrls(address);
builder.Services.AddSingleton(new LangSmithCollector());

await using var app = builder.Build();
app.MapLangSmithCollector();
try
{
    await app.StartAsync();
}
catch (Exception exception) when (exception is IOException or SocketException or UriFormatException or FormatException or InvalidOperationException)
{
    await Console.Error.WriteLineAsync(
        $"langsmith-local cannot listen on {address}: {exception.GetBaseException().Message.TrimEnd('.')}. "
        + "Give another address with --urls http://127.0.0.1:0, which takes a free port.");
    return 1;
}

var local = GetLocalAddress(app.Urls.First());
Console.WriteLine($"""
    LangSmith on this machine: {local}

    Point an SDK at it, in any language:
      export LANGSMITH_TRACING=true
      export LANGSMITH_ENDPOINT={local}
      export LANGSMITH_API_KEY=any

    Runs are kept in memory. Ctrl+C ends it.
    """);
await app.WaitForShutdownAsync();
return 0;

// A server that listens on every address is reached on the loopback address.
static string GetLocalAddress(string url)
{
    var parsed = BindingAddress.Parse(url);
    var isAny = parsed.Host is "*" or "+" || (IPAddress.TryParse(parsed.Host.Trim('[', ']'), out var ip) && (ip.Equals(IPAddress.Any) || ip.Equals(IPAddress.IPv6Any)));
    return isAny ? $"{parsed.Scheme}://127.0.0.1:{parsed.Port}" : url;
}
