using LangSmith.Http;

// A LangSmith of one's own, for any SDK on this machine: no account, no key, no network.
//   dotnet run --project examples/LocalLangSmith -- --urls http://127.0.0.1:1984
var builder = WebApplication.CreateBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
if (builder.Configuration["urls"] is null)
    builder.WebHost.UseUrls("http://127.0.0.1:1984");
builder.Services.AddSingleton(new LangSmithCollector());

var app = builder.Build();
app.MapLangSmithCollector();
await app.StartAsync();

// What listens everywhere is reached here, too.
var address = new UriBuilder(app.Urls.First().Replace("//*", "//127.0.0.1").Replace("//+", "//127.0.0.1").Replace("//[::]", "//127.0.0.1").Replace("//0.0.0.0", "//127.0.0.1")).Uri;
Console.WriteLine($"""
    LangSmith on this machine: {address}

    Point an SDK at it, in any language:
      export LANGSMITH_TRACING=true
      export LANGSMITH_ENDPOINT={address}
      export LANGSMITH_API_KEY=any

    Runs are kept in memory. Ctrl+C ends it.
    """);
await app.WaitForShutdownAsync();
