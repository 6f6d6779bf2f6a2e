using System.Text.Json;
using System.Text.Json.Nodes;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http.Benchmarks;

/// <summary>A payload next to the serializer: at most 1.3 times as long for closed graphs, 3 times for others.</summary>
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
public class CaptureBenchmarks
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    private readonly object _question = new { question = "why is the sky blue?", attempt = 1 };

    private readonly object _conversation = new Conversation(
        "gpt", 0.5, [.. Enumerable.Range(0, 10).Select(static i => new Message("user", $"message {i} with some words in it", i))]);

    private readonly object _open = new Dictionary<string, object?>
    {
        ["model"] = "gpt",
        ["temperature"] = 0.5,
        ["messages"] = Enumerable.Range(0, 10).Select(static i => (object)new Message("user", $"message {i} with some words in it", i)).ToList(),
        ["options"] = new Dictionary<string, object?> { ["stop"] = new[] { "a", "b" }, ["n"] = 1, ["stream"] = true, ["user"] = null },
    };

    private readonly object _entities =
        Enumerable.Range(0, 10).Select(static i => new Entity { Id = i, Name = $"entity {i}", Parent = new Entity { Id = -i } }).ToList();

    private readonly JsonNode _nodes =
        JsonSerializer.SerializeToNode(Enumerable.Range(0, 10).Select(static i => new { i, text = $"text {i}" }))!;

    [Benchmark(Baseline = true), BenchmarkCategory("closed, small")]
    public byte[] SerializeQuestion() => JsonSerializer.SerializeToUtf8Bytes(_question, Web);

    [Benchmark, BenchmarkCategory("closed, small")]
    public byte[] CaptureQuestion() => Capture(_question);

    [Benchmark(Baseline = true), BenchmarkCategory("closed, a conversation")]
    public byte[] SerializeConversation() => JsonSerializer.SerializeToUtf8Bytes(_conversation, Web);

    [Benchmark, BenchmarkCategory("closed, a conversation")]
    public byte[] CaptureConversation() => Capture(_conversation);

    [Benchmark(Baseline = true), BenchmarkCategory("open, dictionaries")]
    public byte[] SerializeOpen() => JsonSerializer.SerializeToUtf8Bytes(_open, Web);

    [Benchmark, BenchmarkCategory("open, dictionaries")]
    public byte[] CaptureOpen() => Capture(_open);

    [Benchmark(Baseline = true), BenchmarkCategory("open, classes that are not sealed")]
    public byte[] SerializeEntities() => JsonSerializer.SerializeToUtf8Bytes(_entities, Web);

    [Benchmark, BenchmarkCategory("open, classes that are not sealed")]
    public byte[] CaptureEntities() => Capture(_entities);

    [Benchmark(Baseline = true), BenchmarkCategory("open, JSON nodes")]
    public byte[] SerializeNodes() => JsonSerializer.SerializeToUtf8Bytes(_nodes, Web);

    [Benchmark, BenchmarkCategory("open, JSON nodes")]
    public byte[] CaptureNodes() => Capture(_nodes);

    private static byte[] Capture(object value) =>
        PayloadSerializer.Serialize(value, PayloadSerializer.DefaultOptions, PayloadSerializer.DefaultMaxBytes).Json;

    private sealed record Message(string Role, string Content, int Index);

    private sealed record Conversation(string Model, double Temperature, Message[] Messages);

    public class Entity
    {
        public int Id { get; set; }

        public string? Name { get; set; }

        public bool IsActive { get; set; }

        public DateTime Created { get; set; }

        public Entity? Parent { get; set; }
    }
}
