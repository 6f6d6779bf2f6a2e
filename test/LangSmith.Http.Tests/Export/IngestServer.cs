using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LangSmith.Http.Tests.Export;

/// <summary>One request as the server received it, its body no longer compressed.</summary>
internal sealed record Posted(string Method, string Path, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);
}

/// <summary>A real server that takes what it is sent, without looking, and keeps it as it came.</summary>
internal sealed class IngestServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Posted> _received = new();

    private IngestServer(WebApplication app) => _app = app;

    public string Endpoint => _app.Urls.Single();

    public IReadOnlyList<Posted> Received => [.. _received];

    /// <summary>What came besides <c>/info</c>.</summary>
    public IReadOnlyList<Posted> Posts => [.. _received.Where(static request => request.Method == "POST")];

    public static async Task<IngestServer> StartAsync(string info = "{}", int status = 202)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var server = new IngestServer(builder.Build());
        server._app.Run(async context =>
        {
            using var body = new MemoryStream();
            if (context.Request.Headers.ContentEncoding == "gzip")
            {
                await using var gzip = new GZipStream(context.Request.Body, CompressionMode.Decompress);
                await gzip.CopyToAsync(body);
            }
            else
            {
                await context.Request.Body.CopyToAsync(body);
            }

            var headers = context.Request.Headers.ToDictionary(static header => header.Key, static header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
            server._received.Enqueue(new Posted(context.Request.Method, context.Request.Path, headers, body.ToArray()));
            context.Response.StatusCode = context.Request.Method == "GET" ? 200 : status;
            await context.Response.WriteAsync(context.Request.Method == "GET" ? info : "{}");
        });
        await server._app.StartAsync();
        return server;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}

/// <summary>A part of a multipart body: its header lines as they are, and its bytes.</summary>
internal sealed record FormPart(string[] Head, byte[] Payload)
{
    public string Name => Regex.Match(Head[0], "name=\"(.*)\"").Groups[1].Value;

    public string Text => Encoding.UTF8.GetString(Payload);

    /// <summary>Cuts a body at its boundary, by hand: no reader's leniency hides a mistake.</summary>
    public static FormPart[] Split(byte[] body, string contentType)
    {
        var text = Encoding.Latin1.GetString(body);
        var boundary = "--" + Regex.Match(contentType, "^multipart/form-data; boundary=(\\S+)$").Groups[1].Value;
        Assert.That(text, Does.StartWith(boundary + "\r\n").And.EndsWith("\r\n" + boundary + "--\r\n"));
        return
        [
            .. text[(boundary.Length + 2)..^(boundary.Length + 6)].Split("\r\n" + boundary + "\r\n").Select(static part =>
            {
                var end = part.IndexOf("\r\n\r\n", StringComparison.Ordinal);
                return new FormPart(part[..end].Split("\r\n"), Encoding.Latin1.GetBytes(part[(end + 4)..]));
            }),
        ];
    }
}
