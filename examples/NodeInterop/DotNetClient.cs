using LangSmith.Http;

namespace NodeInterop;

/// <summary>
/// What <c>node/client.mjs</c> is, in C#. There <c>getCurrentRunTree().toHeaders()</c> is put on the request; here the
/// handler does it, on every request of the client.
/// </summary>
internal sealed class DotNetClient : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    public DotNetClient(Uri server, Uri langSmith)
    {
        var services = new ServiceCollection();
        services.AddLangSmith(o =>
        {
            o.Tracing = true;
            o.Project = "from C#";
        });
        services.AddLangSmithExport(o =>
        {
            o.Endpoint = $"{langSmith}";
            o.ApiKey = "any";   // the collector does not look at it
            o.ServiceName = "C#";
        });
        services.AddHttpClient("server", c => c.BaseAddress = server)
            .AddHttpMessageHandler<LangSmithPropagationHandler>();   // this one line is the product
        _services = services.BuildServiceProvider();
    }

    public Task<string> SayAsync(string text)
    {
        var tracer = _services.GetRequiredService<LangSmithTracer>();
        var http = _services.GetRequiredService<IHttpClientFactory>().CreateClient("server");
        return tracer.RunAsync("client", async run =>
        {
            run.AddMetadata("thread_id", "t-1");
            using var response = await http.PostAsync("/", new StringContent(text));
            return await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync();
        }, inputs: new { text });
    }

    /// <summary>Posts the runs that wait, and ends.</summary>
    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
