using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;

namespace LangSmith.Http.Benchmarks;

/// <summary>Answers as LangSmith does, and keeps what it is posted as it came, to be looked at when nobody measures.</summary>
internal sealed class ExportServer : IAsyncDisposable
{
    private readonly ConcurrentQueue<Body> _bodies = [];
    private readonly WebApplication _app;

    private ExportServer(bool takesGzip)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Limits.MaxRequestBodySize = null;
        });
        _app = builder.Build();
        _app.MapGet("/info", () => Results.Text($$"""
            {
              "version": "0.12.0",
              "batch_ingest_config": { "use_multipart_endpoint": true, "size_limit": 100, "size_limit_bytes": 20971520 },
              "instance_flags": { "gzip_body_enabled": {{(takesGzip ? "true" : "false")}} }
            }
            """, "application/json"));
        _app.MapPost("/runs/multipart", KeepAsync);
    }

    internal Uri Endpoint => new(_app.Urls.Single());

    internal int Requests => _bodies.Count;

    internal long Bytes => _bodies.Sum(static body => body.Content.Length);

    internal static async Task<ExportServer> StartAsync(bool takesGzip)
    {
        var server = new ExportServer(takesGzip);
        await server._app.StartAsync();
        return server;
    }

    /// <summary>Every run must have arrived, started once and ended once, with its inputs and its outputs.</summary>
    /// <exception cref="InvalidDataException">One has not.</exception>
    internal async Task VerifyAsync(string[] texts, int runs)
    {
        var arrived = new Dictionary<string, Run>();
        foreach (var body in _bodies)
            await ReadAsync(body, texts, arrived);
        var whole = arrived.Values.Where(static run => run is { Starts: 1, Ends: 1, Questions: [var question], Answers: [var answer] } && question == answer).ToList();
        var distinct = whole.Select(static run => run.Answers[0]).Distinct().Count(number => number < runs);
        if (arrived.Count != runs || whole.Count != runs || distinct != runs)
            throw new InvalidDataException($"Of {runs} runs {arrived.Count} arrived, {whole.Count} of them whole and once, {distinct} of those are different ones.");
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static async Task ReadAsync(Body body, string[] texts, Dictionary<string, Run> arrived)
    {
        using Stream stream = body.IsCompressed ? new GZipStream(body.Content, CompressionMode.Decompress) : body.Content;
        var reader = new MultipartReader(HeaderUtilities.RemoveQuotes(MediaTypeHeaderValue.Parse(body.ContentType).Boundary).Value!, stream);
        while (await reader.ReadNextSectionAsync() is { } section)
        {
            using var json = await JsonDocument.ParseAsync(section.Body);
            var name = HeaderUtilities.RemoveQuotes(section.GetContentDispositionHeader()!.Name).Value!.Split('.');
            if (!arrived.TryGetValue(name[1], out var run))
                arrived[name[1]] = run = new Run();
            switch (name)
            {
                case [var verb, _]:
                    run.Starts += verb == "post" ? 1 : 0;
                    run.Ends += json.RootElement.TryGetProperty("end_time", out _) ? 1 : 0;
                    break;
                case [_, _, "inputs"]:
                    run.Questions.Add(NumberOf(json, texts, ExportChild.Question));
                    break;
                case [_, _, "outputs"]:
                    run.Answers.Add(NumberOf(json, texts, ExportChild.Answer));
                    break;
            }
        }
    }

    private static int NumberOf(JsonDocument json, string[] texts, Func<string[], int, string> expected)
    {
        var text = json.RootElement.GetProperty("messages").EnumerateArray().Last().GetProperty("content").GetString()!;
        return int.TryParse(text.AsSpan(text.LastIndexOf('#') + 1), out var number) && text == expected(texts, number)
            ? number
            : throw new InvalidDataException($"Nobody posted this: {text}");
    }

    private async Task KeepAsync(HttpContext context)
    {
        var request = context.Request;
        var content = new MemoryStream((int)(request.ContentLength ?? 1 << 19));
        await request.Body.CopyToAsync(content);
        content.Position = 0;
        _bodies.Enqueue(new Body(request.ContentType!, request.Headers.ContentEncoding == "gzip", content));
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        await context.Response.WriteAsync("{}");
    }

    private sealed record Body(string ContentType, bool IsCompressed, MemoryStream Content);

    private sealed class Run
    {
        public int Starts { get; set; }

        public int Ends { get; set; }

        public List<int> Questions { get; } = [];

        public List<int> Answers { get; } = [];
    }
}
