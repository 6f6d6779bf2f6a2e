namespace LangSmith.Http.Tests;

/// <summary>One way in which an application sends requests.</summary>
/// <param name="Name">The row's name in the table.</param>
/// <param name="Create">Makes the client; what it owns is disposed after the test.</param>
internal sealed record ClientUnderTest(string Name, Func<ClientSetup, Send> Create)
{
    /// <summary>The situations in which the client cannot be: it has no such feature.</summary>
    public Feature Missing { get; init; }

    /// <summary>True for packages that parse and rewrite foreign members: then their order and encoding are not ours.</summary>
    public bool RewritesBaggage { get; init; }

    /// <summary>True for packages that follow redirects above the chain, with new messages: only targets keep headers from them.</summary>
    public bool FollowsWithNewMessages { get; init; }

    /// <summary>Where the path of a retried request is not <c>/flaky</c>.</summary>
    public string FlakyPath { get; init; } = "/flaky";

    public string OkPath { get; init; } = "/ok";

    public override string ToString() => Name;
}

/// <summary>Sends one request to a path of the first service, with the caller's foreign baggage if there is any.</summary>
internal delegate Task Send(string path, string? baggage);

/// <summary>What a client is made with.</summary>
internal sealed record ClientSetup(TestService First, Action<LangSmithPropagationOptions> Configure, List<IDisposable> Owned)
{
    public LangSmithPropagationOptions Options
    {
        get
        {
            var options = new LangSmithPropagationOptions();
            Configure(options);
            return options;
        }
    }

    public T Own<T>(T disposable)
        where T : IDisposable
    {
        Owned.Add(disposable);
        return disposable;
    }

    /// <summary>Sends plain messages through a handler chain or client.</summary>
    public Send Over(HttpClient http) => async (path, baggage) =>
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, http.BaseAddress is null ? new Uri(First.Origin, path) : new Uri(path, UriKind.Relative));
        if (baggage is not null)
            request.Headers.TryAddWithoutValidation("baggage", baggage);
        using var response = await http.SendAsync(request);
        Assert.That((int)response.StatusCode, Is.LessThan(400), path);
    };
}

[Flags]
internal enum Feature
{
    None = 0,
    Retry = 1,
    Redirect = 2,
    CallerBaggage = 4,
    Targets = 8,
    OpenTelemetryBaggage = 16,
}
