using System.Text.Json;

namespace LangSmith.Http.Tests.Propagation;

/// <summary>Every 'parse' entry of header-vectors.json, read here and compared with what the SDK read.</summary>
public class ParseVectorTests
{
    private const string NoParent = "no-parent";

    private static readonly string[] Fields =
        ["outcome", "id", "trace_id", "parent_run_id", "dotted_order", "project", "address", "tags", "metadata", "replicas"];

    private static IEnumerable<TestCaseData<Vector>> Cases() =>
        VectorFile.Vectors.Where(static vector => vector.Kind == "parse").Select(static vector => new TestCaseData<Vector>(vector) { TestName = vector.ToString() });

    [TestCaseSource(nameof(Cases))]
    public void FromHeaders_Vector_IsAsExpected(Vector vector)
    {
        var headers = vector.Input.GetProperty("headers").EnumerateObject().ToDictionary(static header => header.Name, static header => header.Value.GetString()!);
        var ours = Ours(RunContext.FromHeaders(headers));
        var theirs = Theirs(vector);
        var expectation = VectorFile.ExpectationOf(vector);

        var expected = new Dictionary<string, string?>(theirs);
        foreach (var (field, value) in expectation.Expected)
        {
            expected[field] = Normal(field, value);
            // An expectation that says what the SDK says is no deviation, and would hide that we agree.
            if (theirs.TryGetValue(field, out var their) && theirs["outcome"] != "throws" && field != "outcome")
                Assert.That(their, Is.Not.EqualTo(expected[field]), $"{field} does not deviate");
        }

        if (expected["outcome"] == NoParent)
            expected = new Dictionary<string, string?> { ["outcome"] = NoParent };
        Assert.That(ours, Is.EqualTo(expected), expectation.Reason);
    }

    private static Dictionary<string, string?> Ours(RunContext? context) => context is null
        ? new() { ["outcome"] = NoParent }
        : new()
        {
            ["outcome"] = "ok",
            ["id"] = context.RunId.ToString(),
            ["trace_id"] = context.TraceId.ToString(),
            ["parent_run_id"] = context.ParentRunId?.ToString(),
            ["dotted_order"] = context.DottedOrder,
            ["project"] = context.Project,
            ["address"] = context.Address,
            ["tags"] = string.Join('|', context.Tags),
            ["metadata"] = WireText.Canonical(context.Metadata),
            // We keep none, and what we send on has none.
            ["replicas"] = string.Concat(context.ToHeaders().Values).Contains("replicas", StringComparison.OrdinalIgnoreCase) ? "sent on" : "[]",
        };

    private static Dictionary<string, string?> Theirs(Vector vector)
    {
        var outcome = vector.Entry.GetProperty("outcome").GetString();
        if (!vector.Entry.TryGetProperty("parsed", out var parsed))
            return new() { ["outcome"] = outcome };
        return Fields.ToDictionary(static field => field, field => field == "outcome" ? outcome : Normal(field, parsed.TryGetProperty(field, out var value) ? value : default));
    }

    // The rules are in the "about" of header-expectations.json.
    private static string? Normal(string field, JsonElement value) => field switch
    {
        "id" or "trace_id" or "parent_run_id" when Guid.TryParseExact(value.ValueKind == JsonValueKind.String ? value.GetString() : null, "D", out var id) => id.ToString(),
        "project" when value.ValueKind == JsonValueKind.String && value.GetString() == "default" => null,
        "address" when value.ValueKind == JsonValueKind.Object =>
            $"lrn:agents/{value.GetProperty("id").GetString()}/environments/{value.GetProperty("environment").GetString()!.ToLowerInvariant()}",
        "tags" => value.ValueKind == JsonValueKind.Array ? string.Join('|', value.EnumerateArray().Select(static tag => tag.GetString() is { Length: > 0 } text ? text : "(empty)")) : "",
        "metadata" => value.ValueKind == JsonValueKind.Object ? WireText.Canonical(value) : "{}",
        "replicas" => value.ValueKind == JsonValueKind.Array ? value.GetRawText() : "[]",
        _ => value.ValueKind == JsonValueKind.String ? value.GetString() : null,
    };
}
