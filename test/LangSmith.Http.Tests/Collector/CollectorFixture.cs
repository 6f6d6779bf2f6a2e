using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Tests.Collector;

/// <summary>Tests that post to a collector of their own, over HTTP.</summary>
public abstract class CollectorFixture
{
    private protected LangSmithCollector Collector { get; private set; } = null!;

    private protected HttpClient Client { get; private set; } = null!;

    [SetUp]
    public Task StartCollectorAsync() => StartAsync(null);

    [TearDown]
    public async Task StopCollectorAsync()
    {
        Client.Dispose();
        await Collector.DisposeAsync();
    }

    /// <summary>In place of the one with the defaults.</summary>
    private protected async Task RestartAsync(Action<LangSmithCollectorOptions> configure)
    {
        await StopCollectorAsync();
        await StartAsync(configure);
    }

    private protected async Task<Answer> SendAsync(HttpMethod method, string path, HttpContent? content = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var response = await Client.SendAsync(request);
        return new Answer((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private protected Task<Answer> GetAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Get, path, null, headers);

    private protected Task<Answer> BatchAsync(params SampleRun[] post) => BatchAsync(post.Select(static run => run.Post));

    private protected Task<Answer> BatchAsync(IEnumerable<JsonObject> post, params JsonObject[] patch) =>
        SendAsync(HttpMethod.Post, "/runs/batch", Json(BatchJson(post, patch)));

    private protected Task<Answer> MultipartAsync(params Part[] parts) => SendAsync(HttpMethod.Post, "/runs/multipart", Multipart(parts));

    /// <summary>Posts what must be accepted.</summary>
    private protected async Task AcceptAsync(params SampleRun[] post) =>
        Assert.That(await BatchAsync(post), Is.EqualTo(Answer.Accepted));

    private protected async Task AcceptAsync(IEnumerable<JsonObject> post, params JsonObject[] patch) =>
        Assert.That(await BatchAsync(post, patch), Is.EqualTo(Answer.Accepted));

    private protected string[] ProblemCodes() => [.. Collector.Problems.Select(static problem => problem.Code)];

    private protected static string BatchJson(IEnumerable<JsonObject> post, params JsonObject[] patch) =>
        $$"""{"post":[{{string.Join(',', post.Select(static run => run.ToJsonString()))}}],"patch":[{{string.Join(',', patch.Select(static run => run.ToJsonString()))}}]}""";

    private protected static ByteArrayContent Json(string text) => Bytes(Encoding.UTF8.GetBytes(text), "application/json");

    private protected static ByteArrayContent Bytes(byte[] bytes, string contentType, string? encoding = null)
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        if (encoding is not null)
            content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        return content;
    }

    private protected static ByteArrayContent Multipart(params Part[] parts) =>
        Bytes(MultipartBytes(parts), "multipart/form-data; boundary=boundary");

    private protected static byte[] MultipartBytes(params Part[] parts)
    {
        using var body = new MemoryStream();
        foreach (var part in parts)
        {
            body.Write(Encoding.UTF8.GetBytes($"--boundary\r\nContent-Disposition: form-data; name=\"{part.Name}\"\r\n{part.Headers}\r\n\r\n"));
            body.Write(part.Content);
            body.Write("\r\n"u8);
        }

        body.Write("--boundary--\r\n"u8);
        return body.ToArray();
    }

    private protected static byte[] Gzip(byte[] bytes)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.SmallestSize))
            gzip.Write(bytes);
        return compressed.ToArray();
    }

    private async Task StartAsync(Action<LangSmithCollectorOptions>? configure)
    {
        Collector = await LangSmithCollector.StartAsync(configure);
        Client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = Collector.Endpoint };
    }

    /// <summary>What the collector said.</summary>
    internal sealed record Answer(int Status, string Body)
    {
        internal static readonly Answer Accepted = new(202, """{"message":"Runs accepted."}""");

        internal JsonNode Json => JsonNode.Parse(Body)!;

        internal static Answer Refused(int status, string error) => new(status, new JsonObject { ["error"] = error }.ToJsonString(Relaxed));

        private static readonly System.Text.Json.JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    }

    /// <summary>A part of a multipart body, with the length TypeScript gives unless a test says otherwise.</summary>
    internal sealed record Part(string Name, byte[] Content, string Headers)
    {
        internal Part(string name, string content, string contentType = "application/json")
            : this(name, Encoding.UTF8.GetBytes(content), string.Create(CultureInfo.InvariantCulture, $"Content-Type: {contentType}; length={Encoding.UTF8.GetByteCount(content)}"))
        {
        }

        internal static Part Post(SampleRun run) => new($"post.{run.Id}", run.Post.ToJsonString());

        internal static Part Patch(SampleRun run, JsonObject? patch = null) => new($"patch.{run.Id}", (patch ?? run.Patch()).ToJsonString());
    }
}
