using System.ClientModel;
using System.ClientModel.Primitives;
using Grpc.Core;
using Grpc.Net.Client.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http.Resilience;
using Microsoft.Kiota.Http.HttpClientLibrary;
using Microsoft.Kiota.Http.HttpClientLibrary.Middleware.Options;
using OpenAI;
using OpenAI.Chat;
using Polly;
using Refit;
using RestSharp;

namespace LangSmith.Http.Tests;

/// <summary>The clients that people really use, made as their documentation makes them.</summary>
internal static class Clients
{
    public static readonly ClientUnderTest[] All =
    [
        new("HttpClient, SocketsHttpHandler", static setup => OverChain(setup, new SocketsHttpHandler())),
        new("HttpClient, HttpClientHandler", static setup => OverChain(setup, new HttpClientHandler())),
        new("HttpClient, a class derived from HttpClientHandler", static setup => OverChain(setup, new CertificateHandler())),
        new("IHttpClientFactory", static setup => OverFactory(setup, static builder => builder.AddHttpMessageHandler(static () => new RetryHandler()))),
        new("IHttpClientFactory, HttpClientHandler", static setup => OverFactory(setup, static builder => builder
            .ConfigurePrimaryHttpMessageHandler(static () => new HttpClientHandler { CheckCertificateRevocationList = true })
            .AddHttpMessageHandler(static () => new RetryHandler()))),
        new("standard resilience above", static setup => OverFactory(setup, AddResilience)),
        new("standard resilience below", static setup => OverFactory(setup, below: AddResilience)),
        new("standard hedging above", static setup => OverFactory(setup, AddHedging)),
        new("standard hedging below", static setup => OverFactory(setup, below: AddHedging)),
        // Service discovery finds the endpoint, so that redirects lead to an address that no target names.
        new("service discovery below", static setup => OverFactory(setup, AddRetry, AddDiscovery, "http://catalog")),
        new("service discovery above", static setup => OverFactory(setup, AddDiscovery, AddRetry, "http://catalog")),
        new("Refit, factory", RefitFactory) { Missing = Feature.CallerBaggage },
        new("Refit, hand-made", static setup => OverRefit(setup, RestService.For<IRefitApi>(
            setup.Own(new HttpClient(new RetryHandler { InnerHandler = new LangSmithPropagationHandler(new HttpClientHandler(), setup.Options) })
            {
                BaseAddress = setup.First.Origin,
            })))) { Missing = Feature.CallerBaggage },
        // It follows redirects with new messages, which cannot be told from an application's own.
        new("RestSharp", OverRestSharp) { FollowsWithNewMessages = true },
        new("Kiota above", static setup => OverKiota(setup, isAbove: true)),
        new("Kiota below", static setup => OverKiota(setup, isAbove: false)),
        new("Sentry above", static setup => OverSentry(setup, isAbove: true)) { RewritesBaggage = true },
        new("Sentry below", static setup => OverSentry(setup, isAbove: false)) { RewritesBaggage = true },
        // OpenTelemetry changes the line after it was signed. Below the signing handler, ours is not signed at all.
        new("AWS SigV4 below", static setup => OverChain(setup, new AwsSignature.SigningHandler { InnerHandler = new SocketsHttpHandler() }))
        {
            OkPath = "/signed",
            FlakyPath = "/signed-flaky",
            Missing = Feature.Redirect | Feature.Targets | Feature.OpenTelemetryBaggage,
        },
        new("AWS SigV4 above", static setup => setup.Over(setup.Own(new HttpClient(new RetryHandler
        {
            InnerHandler = new AwsSignature.SigningHandler
            {
                InnerHandler = new LangSmithPropagationHandler(new SocketsHttpHandler(), setup.Options),
            },
        }))))
        {
            OkPath = "/signed",
            FlakyPath = "/signed-flaky",
            Missing = Feature.Redirect | Feature.Targets | Feature.CallerBaggage,
        },
        new("OpenAI, streamed", OverOpenAI) { OkPath = "/v1", FlakyPath = "/flaky", Missing = Feature.CallerBaggage | Feature.Redirect | Feature.Targets },
        new("gRPC, retry", static setup => OverGrpc(setup, new MethodConfig
        {
            Names = { MethodName.Default },
            RetryPolicy = new Grpc.Net.Client.Configuration.RetryPolicy
            {
                MaxAttempts = 3,
                InitialBackoff = TimeSpan.FromMilliseconds(1),
                MaxBackoff = TimeSpan.FromMilliseconds(1),
                BackoffMultiplier = 1,
                RetryableStatusCodes = { StatusCode.Unavailable },
            },
        })) { OkPath = "Say", FlakyPath = "SayFlaky", Missing = Feature.Redirect | Feature.Targets },
        new("gRPC, hedging", static setup => OverGrpc(setup, new MethodConfig
        {
            Names = { MethodName.Default },
            HedgingPolicy = new HedgingPolicy
            {
                MaxAttempts = 3,
                HedgingDelay = TimeSpan.FromSeconds(30),
                NonFatalStatusCodes = { StatusCode.Unavailable },
            },
        })) { OkPath = "Say", FlakyPath = "SayFlaky", Missing = Feature.Redirect | Feature.Targets },
    ];

    private static Send OverChain(ClientSetup setup, HttpMessageHandler below) =>
        setup.Over(setup.Own(new HttpClient(new RetryHandler { InnerHandler = new LangSmithPropagationHandler(below, setup.Options) })));

    private static Send OverFactory(
        ClientSetup setup, Action<IHttpClientBuilder>? above = null, Action<IHttpClientBuilder>? below = null, string? baseAddress = null)
    {
        var services = Services(setup);
        var builder = services.AddHttpClient("answers", http => http.BaseAddress = baseAddress is null ? null : new Uri(baseAddress));
        above?.Invoke(builder);
        AddOurs(builder, setup);
        below?.Invoke(builder);
        return setup.Over(setup.Own(services.BuildServiceProvider()).GetRequiredService<IHttpClientFactory>().CreateClient("answers"));
    }

    private static ServiceCollection Services(ClientSetup setup)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(
            [new("Services:catalog:http:0", setup.First.Origin.Authority)]).Build());
        services.AddLangSmith();
        return services;
    }

    private static void AddOurs(IHttpClientBuilder builder, ClientSetup setup) => builder.AddLangSmithPropagation(options =>
    {
        setup.Configure(options);
        // The name as the application writes it: our handler may be above the one that resolves it.
        if (options.Targets.Count > 0)
            options.Targets.Add("http://catalog");
    });

    private static void AddRetry(IHttpClientBuilder builder) => builder.AddHttpMessageHandler(static () => new RetryHandler());

    private static void AddResilience(IHttpClientBuilder builder) => builder.AddStandardResilienceHandler(static options =>
    {
        options.Retry.Delay = TimeSpan.FromMilliseconds(1);
        options.Retry.BackoffType = DelayBackoffType.Constant;
    });

    private static void AddHedging(IHttpClientBuilder builder) =>
        builder.AddStandardHedgingHandler().Configure(static options => options.Hedging.Delay = TimeSpan.FromSeconds(30));

    private static void AddDiscovery(IHttpClientBuilder builder)
    {
        builder.Services.AddServiceDiscovery();
        builder.AddServiceDiscovery();
    }

    private static Send RefitFactory(ClientSetup setup)
    {
        var services = Services(setup);
        var builder = services.AddRefitGeneratedClient<IRefitApi>().ConfigureHttpClient(http => http.BaseAddress = setup.First.Origin);
        AddRetry(builder);
        AddOurs(builder, setup);
        return OverRefit(setup, setup.Own(services.BuildServiceProvider()).GetRequiredService<IRefitApi>());
    }

    private static Send OverRefit(ClientSetup setup, IRefitApi api) => async (path, _) => await api.GetAsync(path.TrimStart('/'));

    private static Send OverRestSharp(ClientSetup setup)
    {
        var client = setup.Own(new RestClient(new RestClientOptions(setup.First.Origin)
        {
            ConfigureMessageHandler = handler => new RetryHandler { InnerHandler = new LangSmithPropagationHandler(handler, setup.Options) },
        }));
        return async (path, baggage) =>
        {
            var request = new RestRequest(path);
            if (baggage is not null)
                request.AddHeader("baggage", baggage);
            var response = await client.ExecuteAsync(request);
            Assert.That(response.IsSuccessful, path);
        };
    }

    // Kiota's own handlers follow redirects and retry, its primary handler does not.
    private static Send OverKiota(ClientSetup setup, bool isAbove)
    {
        var handlers = KiotaClientFactory.CreateDefaultHandlers([new RetryHandlerOption { Delay = 1, MaxRetry = 1 }]).ToList();
        handlers.Insert(isAbove ? handlers.Count : 0, new LangSmithPropagationHandler(setup.Options));
        return setup.Over(setup.Own(KiotaClientFactory.Create(handlers)));
    }

    private static Send OverSentry(ClientSetup setup, bool isAbove)
    {
        setup.Own(SentrySdk.Init(static options =>
        {
            options.Dsn = "http://key@127.0.0.1:9/1";
            options.TracesSampleRate = 1;
            options.AutoSessionTracking = false;
            options.ShutdownTimeout = TimeSpan.Zero;
        }));
        SentrySdk.ConfigureScope(static scope => scope.Transaction = SentrySdk.StartTransaction("ask", "test"));
        HttpMessageHandler chain = isAbove
            ? new SentryHttpMessageHandler(new LangSmithPropagationHandler(new SocketsHttpHandler(), setup.Options))
            : new LangSmithPropagationHandler(new SentryHttpMessageHandler(new SocketsHttpHandler()), setup.Options);
        return setup.Over(setup.Own(new HttpClient(new RetryHandler { InnerHandler = chain })));
    }

    private static Send OverOpenAI(ClientSetup setup)
    {
        var http = setup.Own(new HttpClient(new LangSmithPropagationHandler(new SocketsHttpHandler(), setup.Options)));
        return async (path, _) =>
        {
            var client = new ChatClient("m", new ApiKeyCredential("key"), new OpenAIClientOptions
            {
                Endpoint = new Uri(setup.First.Origin, path),
                Transport = new HttpClientPipelineTransport(http),
            });
            var text = "";
            await foreach (var update in client.CompleteChatStreamingAsync(new UserChatMessage("why?")))
                text += string.Concat(update.ContentUpdate.Select(static part => part.Text));
            Assert.That(text, Is.EqualTo("hi"));
        };
    }

    private static Send OverGrpc(ClientSetup setup, MethodConfig config)
    {
        var services = Services(setup);
        AddOurs(
            services.AddGrpcClient<GrpcApi>(options => options.Address = setup.First.Http2Origin)
                .ConfigureChannel(options => options.ServiceConfig = new ServiceConfig { MethodConfigs = { config } }),
            setup);
        var api = setup.Own(services.BuildServiceProvider()).GetRequiredService<GrpcApi>();
        return async (path, baggage) =>
        {
            var headers = new Metadata();
            if (baggage is not null)
                headers.Add("baggage", baggage);
            await api.SayAsync(path, headers);
        };
    }

    private sealed class CertificateHandler : HttpClientHandler
    {
        public CertificateHandler() => ServerCertificateCustomValidationCallback = static (_, _, _, errors) => errors == default;
    }

    internal sealed class GrpcApi(CallInvoker invoker)
    {
        private static readonly Marshaller<byte[]> Bytes = Marshallers.Create(static bytes => bytes, static bytes => bytes);

        public async Task SayAsync(string method, Metadata headers) => await invoker.AsyncUnaryCall(
            new Method<byte[], byte[]>(MethodType.Unary, "test.Service", method, Bytes, Bytes), null, new CallOptions(headers), []);
    }
}
