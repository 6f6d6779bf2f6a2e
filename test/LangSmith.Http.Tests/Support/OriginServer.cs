using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace LangSmith.Http.Tests;

/// <summary>One request as Kestrel received it.</summary>
internal sealed record ReceivedRequest(Uri Origin, string Path, IReadOnlyDictionary<string, StringValues> Headers)
{
    public StringValues this[string name] => Headers.TryGetValue(name, out var values) ? values : StringValues.Empty;
}

/// <summary>A real Kestrel server on a free loopback port. It keeps what it receives, by the query's <c>case</c>.</summary>
internal sealed class OriginServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, ConcurrentQueue<ReceivedRequest>> _received = new();

    private OriginServer(WebApplication app) => _app = app;

    public Uri Origin { get; private set; } = null!;

    public static async Task<OriginServer> StartAsync(Func<HttpContext, IReadOnlyCollection<ReceivedRequest>, Task> respond)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestHeadersTotalSize = 1 << 20;
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
        });
        var app = builder.Build();
        var server = new OriginServer(app);
        app.Run(context =>
        {
            var all = server._received.GetOrAdd(context.Request.Query["case"].ToString(), static _ => new());
            all.Enqueue(new ReceivedRequest(
                server.Origin,
                context.Request.Path,
                context.Request.Headers.ToDictionary(static header => header.Key, static header => header.Value, StringComparer.OrdinalIgnoreCase)));
            return respond(context, all);
        });
        await app.StartAsync();
        server.Origin = new Uri(app.Urls.Single());
        return server;
    }

    public ReceivedRequest[] Received(string caseId) => _received.TryGetValue(caseId, out var all) ? [.. all] : [];

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
