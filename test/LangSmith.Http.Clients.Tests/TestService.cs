using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests;

/// <summary>A real Kestrel server on two loopback ports, one of them for gRPC. It keeps what it receives.</summary>
internal sealed class TestService : IAsyncDisposable
{
    private const string Chunk =
        """{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}""";

    private readonly ConcurrentQueue<ReceivedRequest> _received = new();
    private readonly WebApplication _app;

    private TestService(WebApplication app) => _app = app;

    public Uri Origin { get; private set; } = null!;

    public Uri Http2Origin { get; private set; } = null!;

    /// <summary>Where <c>/away</c> redirects to.</summary>
    public Uri? Other { get; set; }

    public bool IsUnavailable { get; set; }

    public ReceivedRequest[] Received => [.. _received];

    public static async Task<TestService> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http2);
        });
        var app = builder.Build();
        var service = new TestService(app);
        app.Run(service.RespondAsync);
        await app.StartAsync();
        var origins = app.Urls.Select(static url => new Uri(url)).ToArray();
        (service.Origin, service.Http2Origin) = (origins[0], origins[1]);
        return service;
    }

    public void Clear() => _received.Clear();

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task RespondAsync(HttpContext context)
    {
        var headers = context.Request.Headers.ToDictionary(static header => header.Key, static header => header.Value, StringComparer.OrdinalIgnoreCase);
        _received.Enqueue(new ReceivedRequest(Origin, context.Request.Path, headers));
        var isFirst = _received.Count == 1;
        switch (context.Request.Path.Value)
        {
            case not null when IsUnavailable:
            case "/flaky" when isFirst:
                context.Response.StatusCode = 503;
                break;
            case "/same":
                Redirect("/ok");
                break;
            case "/away":
                Redirect(new Uri(Other!, "/ok").ToString());
                break;
            case "/away-flaky":
                Redirect(new Uri(Other!, "/flaky").ToString());
                break;
            case "/signed":
            case "/signed-flaky":
                context.Response.StatusCode = !AwsSignature.IsValid(context.Request) ? 403
                    : isFirst && context.Request.Path == "/signed-flaky" ? 503 : 200;
                break;
            case "/v1/chat/completions":
            case "/flaky/chat/completions":
                await RespondAsModelAsync(context, isFirst && context.Request.Path.StartsWithSegments("/flaky"));
                break;
            case "/test.Service/Say":
            case "/test.Service/SayFlaky":
                await RespondAsGrpcAsync(context, isFirst && context.Request.Path == "/test.Service/SayFlaky");
                break;
        }

        void Redirect(string to)
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = to;
        }
    }

    private static async Task RespondAsModelAsync(HttpContext context, bool isUnavailable)
    {
        if (isUnavailable)
        {
            context.Response.StatusCode = 503;
            context.Response.Headers["retry-after-ms"] = "1";
            return;
        }

        context.Response.ContentType = "text/event-stream";
        await context.Response.WriteAsync($"data: {Chunk}\n\n");
        await context.Response.Body.FlushAsync();
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes("data: [DONE]\n\n"));
    }

    private static async Task RespondAsGrpcAsync(HttpContext context, bool isUnavailable)
    {
        context.Response.ContentType = "application/grpc";
        if (isUnavailable)
        {
            context.Response.Headers["grpc-status"] = "14";
            return;
        }

        // One message of no bytes.
        await context.Response.Body.WriteAsync(new byte[5]);
        context.Response.AppendTrailer("grpc-status", "0");
    }
}
