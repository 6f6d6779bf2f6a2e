using System.Buffers;
using System.Text.Json;

namespace LangSmith.Http.Tests.Export;

/// <summary>The fields of one operation, as bytes.</summary>
public sealed class RunWriterTests
{
    private static readonly ExportSettings Settings =
        ExportSettingsReader.TryRead(new LangSmithExportOptions { Endpoint = "http://127.0.0.1:9" }, out _)!;

    [TestCase("""{ "a": [{}], "usage_metadata" : { "b": [1] } }""", """{"usage_metadata":{ "b": [1] }}""")]
    [TestCase("""{"usage_metadata":1,"usage_metadata":{"a":2}}""", """{"usage_metadata":{"a":2}}""")]
    [TestCase("""{"usage_metadata":{"a":1},"usage_metadata":2}""", "{}")]
    [TestCase("""{"a":{"usage_metadata":{"b":1}},"c":["usage_metadata",{}]}""", "{}")]
    [TestCase("""{"\ud800":1,"usage_metadata":{"a":1}}""", """{"usage_metadata":{"a":1}}""")]
    [TestCase("""{"usage_metadata":[{"a":1}]}""", "{}")]
    [TestCase("""[{"usage_metadata":{"a":1}}]""", "{}")]
    [TestCase("{}", "{}")]
    public void WritePart_UsageInTheOutputs_IsTheLastTopLevelObject(string outputs, string expectedMetadata) =>
        Assert.That(WriteMetadata(JsonDocument.Parse(outputs).RootElement), Is.EqualTo(expectedMetadata));

    [Test]
    public void WritePart_DeepOutputs_AreRead()
    {
        const int Depth = 1000;
        var outputs = $$$"""{"a":{{{new string('[', Depth)}}}{{{new string(']', Depth)}}},"usage_metadata":{"a":1}}""";
        using var json = JsonDocument.Parse(outputs, new JsonDocumentOptions { MaxDepth = Depth + 1 });

        Assert.That(WriteMetadata(json.RootElement), Is.EqualTo("""{"usage_metadata":{"a":1}}"""));
    }

    [TestCase("new_token", false)]
    [TestCase("retry", true)]
    public void Operation_PayloadOfAnEvent_IsCountedOnlyIfItIsSent(string name, bool isSent)
    {
        var payload = JsonDocument.Parse($"\"{new string('x', 100_000)}\"").RootElement;
        var run = new RunSnapshot
        {
            Id = Guid.NewGuid(),
            TraceId = Guid.NewGuid(),
            DottedOrder = "",
            Name = "run",
            StartTime = default,
            Events = [new RunEvent { Name = name, Time = default, Payload = payload }],
        };

        var operation = new RunOperation(run, isCreate: true, Settings);

        Assert.That(operation.GetLeastBytes(isUpdate: false) > 100_000, Is.EqualTo(isSent));
        Assert.That(operation.Run.Events.Single().Name, Is.EqualTo(name));
    }

    private static string WriteMetadata(JsonElement outputs)
    {
        var run = new RunSnapshot
        {
            Id = Guid.NewGuid(),
            TraceId = Guid.NewGuid(),
            DottedOrder = "",
            Name = "run",
            StartTime = DateTimeOffset.UtcNow,
            Outputs = outputs,
        };
        var buffer = new ArrayBufferWriter<byte>();
        using var writer = new RunWriter(Settings);
        writer.WritePart(new RunOperation(run, isCreate: true, Settings), "extra", buffer);
        return JsonDocument.Parse(buffer.WrittenMemory).RootElement.GetProperty("metadata").GetRawText();
    }
}
