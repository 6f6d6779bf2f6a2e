using LangSmith.Http;

namespace GatewayExample;

/// <summary>Somebody outside, who asks the gateway about a topic and sends whatever headers it likes.</summary>
internal sealed record Caller(string Topic, string Story)
{
    /// <summary>A run that never was. The dotted order is well-formed: only trust can tell that it is not to be believed.</summary>
    private const string ForgedRun = "20231114T221320123456Z018bcfe5-687b-7000-8000-000000000001";

    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";

    public static IReadOnlyList<Caller> All { get; } =
    [
        new("sky", "an honest caller, without headers"),
        new("rivers", "a caller that forges a run, a project and a thread")
        {
            Headers =
            [
                new(RunContext.TraceHeaderName, ForgedRun),
                new(RunContext.BaggageHeaderName, "langsmith-project=forged,tenant=7,langsmith-metadata=%7B%22thread_id%22%3A%22forged%22%7D"),
            ],
            Baggage = "tenant=7",
        },
        new("tea", "the same in Correlation-Context, which ASP.NET Core reads too and YARP sends on as baggage")
        {
            Headers =
            [
                new(RunContext.TraceHeaderName, ForgedRun),
                new("Correlation-Context", "langsmith-project=forged,tenant=7,langsmith-tags=forged"),
            ],
            Baggage = "tenant = 7", // so .NET writes it as baggage
        },
        new("tides", "a caller with a W3C trace and baggage of its own")
        {
            Headers = [new("traceparent", $"00-{TraceId}-b7ad6b7169203331-01"), new(RunContext.BaggageHeaderName, "tenant=7")],
            Baggage = "tenant=7",
            TraceParent = $"00-{TraceId}-",
        },
    ];

    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>What of its baggage is to arrive behind the gateway.</summary>
    public string? Baggage { get; init; }

    /// <summary>How the <c>traceparent</c> behind the gateway is to begin: that trace is none of our business.</summary>
    public string TraceParent { get; init; } = "00-";

    public static bool IsForged(string text) =>
        text.Contains("forged", StringComparison.Ordinal) || text.Contains(ForgedRun, StringComparison.Ordinal);

    public async Task<string> AskAsync(HttpClient http)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/answers/{Topic}");
        foreach (var (name, value) in Headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var response = await http.SendAsync(request);
        return $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}";
    }
}
