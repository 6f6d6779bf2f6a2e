using System.Globalization;
using System.Text.Json;

namespace LangSmith.Http.Tests.Propagation;

/// <summary>The 'emit' cases in .NET: runs made by a tracer with the vector's clock, their random ids replaced by the vector's.</summary>
internal static class EmitScenarios
{
    private const string FirstId = "018bcfe5-687b-7000-8000-000000000001";
    private const string SecondId = "018bcfe5-6c63-7000-8000-000000000002";

    internal static Dictionary<string, string> Emit(Vector vector) => vector.Id switch
    {
        "emit-20-child" => Child(vector, TimeSpan.FromSeconds(1)),
        "emit-21-child-before-parent" => Child(vector, TimeSpan.FromSeconds(-1)),
        "emit-24-metadata-special-js" => Root(vector, metadata: new() { ["nan"] = double.NaN, ["inf"] = double.PositiveInfinity, ["date"] = DateTime.UnixEpoch, ["neg0"] = -0.0 }),
        "emit-25-metadata-lone-surrogate" => Root(vector, metadata: new() { ["s"] = "x\ud800y" }),
        "emit-26-project-lone-surrogate" => Root(vector, "x\ud800"),
        "emit-27-metadata-bigint" => Root(vector, metadata: new() { ["n"] = (UInt128)10, ["type"] = typeof(string) }),
        "emit-27-metadata-int-key" => Root(vector, metadata: new() { ["ints"] = new Dictionary<int, string> { [1] = "a" }, ["doubles"] = new Dictionary<double, string> { [2.5] = "f" } }),
        "emit-29-replicas-not-emitted" => Forward(vector),
        "emit-33-naive-start-time" => Root(vector),
        "emit-34-sibling-orders" => Siblings(vector),
        "emit-36-project-and-address" => ProjectAndAddress(vector),
        "emit-37-non-utc-start-time" => Root(vector, start: Start(vector).ToOffset(TimeSpan.FromHours(2))),
        "emit-38-tags-none" => Root(vector, tags: null!),
        _ => FromInput(vector),
    };

    private static Dictionary<string, string> FromInput(Vector vector)
    {
        var input = vector.Input;
        return Root(
            vector,
            input.GetProperty("project").GetString()!,
            input.TryGetProperty("metadata", out var metadata) ? Objects(metadata) : [],
            input.TryGetProperty("tags", out var tags) ? [.. tags.EnumerateArray().Select(static tag => tag.GetString()!)] : []);
    }

    private static Dictionary<string, string> Root(Vector vector, string project = "p", Dictionary<string, object?>? metadata = null, DateTimeOffset? start = null) =>
        Root(vector, project, metadata ?? [], [], start);

    private static Dictionary<string, string> Root(Vector vector, string[] tags) => Root(vector, "p", [], tags);

    private static Dictionary<string, string> Root(Vector vector, string project, Dictionary<string, object?> metadata, string[] tags, DateTimeOffset? start = null)
    {
        var tracer = Tracer(new SettableTimeProvider(start ?? Start(vector)), project);
        using var scope = tracer.StartRun("root", options: new RunOptions { Parent = RunParent.None, Metadata = metadata, Tags = tags });
        return Headers(scope.Run.ToHeaders(), (scope.Run, FirstId));
    }

    private static Dictionary<string, string> Child(Vector vector, TimeSpan later)
    {
        var parentInput = vector.Input.TryGetProperty("parent", out var given) ? given : default;
        // emit-21 says nothing of metadata, and the Python entry was made with that of emit-20.
        var hasMetadata = parentInput.ValueKind == JsonValueKind.Object || vector.Sdk.StartsWith("python", StringComparison.Ordinal);
        var clock = new SettableTimeProvider(Start(vector));
        var tracer = Tracer(clock, "p");
        using var parent = tracer.StartRun("parent", options: new RunOptions
        {
            Parent = RunParent.None,
            Metadata = hasMetadata ? new Dictionary<string, object?> { ["k"] = "parent", ["a"] = 1 } : [],
            Tags = ["ptag"],
        });
        clock.Now += later;
        using var child = tracer.StartRun("child", options: new RunOptions
        {
            Metadata = hasMetadata ? new Dictionary<string, object?> { ["k"] = "child" } : [],
            // In one process no clock goes back between two runs of a tree: this parent is in another.
            Parent = later < TimeSpan.Zero ? new RunContext(parent.Run.Context.Identity, [], parent.Run.Context.Metadata) : RunParent.Current,
        });
        return Headers(child.Run.ToHeaders(), (parent.Run, FirstId), (child.Run, SecondId));
    }

    // There is nothing to give a run replicas with; they could only come in by a header.
    private static Dictionary<string, string> Forward(Vector vector)
    {
        var replicas = Uri.EscapeDataString(vector.Input.GetProperty("replicas").GetRawText());
        var received = RunContext.FromHeaders(new Dictionary<string, string>
        {
            ["langsmith-trace"] = vector.Entry.GetProperty("headers").GetProperty("langsmith-trace").GetString()!,
            ["baggage"] = $"langsmith-replicas={replicas},langsmith-project=p",
        });
        return new Dictionary<string, string>(received!.ToHeaders());
    }

    private static Dictionary<string, string> Siblings(Vector vector)
    {
        var tracer = Tracer(new SettableTimeProvider(Start(vector)), "p");
        using var parent = tracer.StartRun("p", options: new RunOptions { Parent = RunParent.None });
        using var a = Below(parent, "a");
        using var b = Below(parent, "b");
        using var c = Below(a, "c");
        using var d = Below(parent, "d");
        return new[] { parent, a, b, c, d }.ToDictionary(
            static scope => scope.Run.Name,
            static scope => string.Join('.', scope.Run.DottedOrder.Split('.').Select(static segment => segment.Substring(18, 3))));

        RunScope Below(RunScope under, string name) => tracer.StartRun(name, options: new RunOptions { Parent = under.Run });
    }

    private static Dictionary<string, string> ProjectAndAddress(Vector vector)
    {
        var start = Start(vector);
        var caller = RunContext.FromHeaders(new Dictionary<string, string>
        {
            ["langsmith-trace"] = DottedOrder.Append(null, start.UtcDateTime, Guid.Parse(FirstId)),
            ["baggage"] = "langsmith-address=" + Uri.EscapeDataString("lrn:agents/support-agent/environments/production"),
        });
        var tracer = Tracer(new SettableTimeProvider(start), "p");
        using var scope = tracer.StartRun("child", options: new RunOptions { Parent = caller });
        return Headers(scope.Run.ToHeaders(), (scope.Run, SecondId));
    }

    private static LangSmithTracer Tracer(TimeProvider clock, string project) =>
        new(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = project }, timeProvider: clock);

    private static DateTimeOffset Start(Vector vector)
    {
        var milliseconds = DateTimeOffset.FromUnixTimeMilliseconds(1700000000123);
        return vector.Sdk.StartsWith("js", StringComparison.Ordinal) ? milliseconds : milliseconds.AddMicroseconds(456);
    }

    private static Dictionary<string, string> Headers(IReadOnlyDictionary<string, string> headers, params (RunTree Run, string Id)[] ids)
    {
        var copy = new Dictionary<string, string>(headers);
        foreach (var (run, id) in ids)
            copy["langsmith-trace"] = copy["langsmith-trace"].Replace(run.Id.ToString(), id, StringComparison.Ordinal);
        return copy;
    }

    // What a .NET user would have written for the vector's JSON.
    private static Dictionary<string, object?> Objects(JsonElement json) =>
        json.EnumerateObject().ToDictionary(static property => property.Name, static property => ToObject(property.Value));

    private static object? ToObject(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => Objects(json),
        JsonValueKind.Array => json.EnumerateArray().Select(ToObject).ToArray(),
        JsonValueKind.String => json.GetString(),
        JsonValueKind.True or JsonValueKind.False => json.GetBoolean(),
        JsonValueKind.Number => json.TryGetInt64(out var integer) ? integer : double.Parse(json.GetRawText(), CultureInfo.InvariantCulture),
        _ => null,
    };
}
