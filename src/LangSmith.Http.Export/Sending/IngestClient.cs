using System.Buffers;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace LangSmith.Http;

/// <summary>Posts batches to LangSmith, and tries again what may go better later.</summary>
internal sealed class IngestClient
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan BreakDuration = TimeSpan.FromSeconds(5);
    private static readonly MediaTypeHeaderValue Json = new("application/json");

    private readonly ExportSettings _settings;
    private readonly Func<HttpClient> _createClient;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly RunWriter _writer;
    private readonly string _boundary = $"----LangSmithFormBoundary{Guid.NewGuid():N}";
    private readonly ResiliencePipeline<HttpResponseMessage> _pipeline;
    private ServerInfo? _info;
    private volatile bool _hasNoMultipart;

    internal IngestClient(ExportSettings settings, Func<HttpClient> createClient, TimeProvider timeProvider, ILogger logger)
    {
        _settings = settings;
        _createClient = createClient;
        _timeProvider = timeProvider;
        _logger = logger;
        _writer = new RunWriter(settings);
        _pipeline = CreatePipeline();
    }

    /// <summary>What the server said about itself; asked for once, before the first batch.</summary>
    internal async ValueTask<ServerInfo> GetInfoAsync(CancellationToken cancellationToken)
    {
        if (_info is { } known)
            return known;
        try
        {
            // The factory's clients need no disposing.
            var client = _createClient();
            using var request = new HttpRequestMessage(HttpMethod.Get, Address("/info"));
            SetHeaders(request);
            using var timeout = new CancellationTokenSource(_settings.Options.RequestTimeout, _timeProvider);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            using var response = await client.SendAsync(request, either.Token).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
                return ServerInfo.Default;
            using var json = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(either.Token).ConfigureAwait(false), cancellationToken: either.Token).ConfigureAwait(false);
            return _info = ServerInfo.Read(json.RootElement);
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            // Not fatal, as in the SDKs; asked again before the next batch.
            ExportLog.InfoFailed(_logger, exception.GetType().Name);
            return ServerInfo.Default;
        }
    }

    /// <summary>Sends runs in one request, as often as it takes.</summary>
    internal async Task<SendResult> SendAsync(IReadOnlyList<RunOperation> runs, ServerInfo info, CancellationToken cancellationToken)
    {
        var isMultipart = info.UsesMultipart && !_hasNoMultipart;
        var (body, isCompressed) = Write(runs, isMultipart, info.TakesGzip);
        var context = ResilienceContextPool.Shared.Get(continueOnCapturedContext: false, cancellationToken);
        try
        {
            using var response = await _pipeline.ExecuteAsync(
                static async (context, state) =>
                {
                    var (self, body, isMultipart, isCompressed) = state;
                    var client = self._createClient();
                    using var request = self.CreateRequest(body, isMultipart, isCompressed);
                    var response = await client.SendAsync(request, HttpCompletionOption.ResponseContentRead, context.CancellationToken).ConfigureAwait(false);
                    return response;
                },
                context,
                (this, body, isMultipart, isCompressed)).ConfigureAwait(false);
            if (isMultipart && response.StatusCode == HttpStatusCode.NotFound)
            {
                _hasNoMultipart = true;
                return SendResult.NoMultipart;
            }

            return Judge(response.StatusCode);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return SendResult.Shutdown;
        }
        catch (Exception exception) when (IsTransient(exception))
        {
            return SendResult.RetriesExhausted;
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private static SendResult Judge(HttpStatusCode status) => (int)status switch
    {
        >= 200 and < 300 or 409 => SendResult.Sent,
        400 or 413 or 422 => SendResult.Refused,
        401 => SendResult.Unauthorized,
        403 => SendResult.Forbidden,
        _ when IsTransient(status) => SendResult.RetriesExhausted,
        _ => SendResult.Rejected,
    };

    private static bool IsTransient(HttpStatusCode status) => (int)status is 408 or 425 or 429 or >= 500;

    // TimeoutRejectedException is one attempt's, or all of them's; a cancelled request that nobody cancelled is the client's own timeout.
    private static bool IsTransient(Exception exception) => exception is HttpRequestException or IOException or TimeoutRejectedException or BrokenCircuitException or OperationCanceledException;

    private static TimeSpan? RetryAfter(HttpResponseMessage? response, TimeProvider timeProvider) => response?.Headers.RetryAfter switch
    {
        null => null,
        { Delta: { } delta } => delta,
        { Date: { } date } => date - timeProvider.GetUtcNow(),
        _ => null,
    };

    private ResiliencePipeline<HttpResponseMessage> CreatePipeline() => new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = _timeProvider }
        .AddTimeout(_settings.Options.MaxRetryTime)
        .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
        {
            ShouldHandle = static arguments => ValueTask.FromResult(
                arguments.Outcome.Exception is { } exception ? IsTransient(exception) && !arguments.Context.CancellationToken.IsCancellationRequested : IsTransient(arguments.Outcome.Result!.StatusCode)),
            // The time is what ends it.
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = FirstDelay,
            MaxDelay = MaxDelay,
            DelayGenerator = arguments => ValueTask.FromResult(RetryAfter(arguments.Outcome.Result, _timeProvider) is { } after && after > TimeSpan.Zero ? after : (TimeSpan?)null),
            OnRetry = arguments =>
            {
                ExportTelemetry.CountRetry();
                ExportLog.Retry(_logger, arguments.Outcome.Result is { } response ? ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture) : arguments.Outcome.Exception!.GetType().Name, arguments.RetryDelay);
                arguments.Outcome.Result?.Dispose();
                return default;
            },
        })
        .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
        {
            ShouldHandle = static arguments => ValueTask.FromResult(
                arguments.Outcome.Exception is { } exception ? IsTransient(exception) && !arguments.Context.CancellationToken.IsCancellationRequested : (int)arguments.Outcome.Result!.StatusCode >= 500),
            FailureRatio = 0.9,
            MinimumThroughput = 10,
            SamplingDuration = TimeSpan.FromSeconds(30),
            BreakDuration = BreakDuration,
        })
        .AddTimeout(_settings.Options.RequestTimeout)
        .Build();

    private (ReadOnlyMemory<byte> Body, bool IsCompressed) Write(IReadOnlyList<RunOperation> runs, bool isMultipart, bool compress)
    {
        ReadOnlyMemory<byte> body;
        if (isMultipart)
        {
            body = MultipartBody.Write(runs, _writer, _boundary);
        }
        else
        {
            var json = new ArrayBufferWriter<byte>(4096);
            _writer.WriteBatch(runs, json);
            body = json.WrittenMemory;
        }

        // Small ones are not worth it.
        if (!compress || body.Length < 1024)
            return (body, false);
        using var buffer = new MemoryStream(body.Length / 4);
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(body.Span);
        return (buffer.GetBuffer().AsMemory(0, (int)buffer.Length), true);
    }

    private HttpRequestMessage CreateRequest(ReadOnlyMemory<byte> body, bool isMultipart, bool isCompressed)
    {
        var content = new ReadOnlyMemoryContent(body);
        if (isMultipart)
            content.Headers.TryAddWithoutValidation("Content-Type", $"multipart/form-data; boundary={_boundary}");
        else
            content.Headers.ContentType = Json;
        if (isCompressed)
            content.Headers.ContentEncoding.Add("gzip");
        var request = new HttpRequestMessage(HttpMethod.Post, Address(isMultipart ? "/runs/multipart" : "/runs/batch")) { Content = content };
        SetHeaders(request);
        return request;
    }

    private Uri Address(string path) => new(_settings.Endpoint.AbsoluteUri.TrimEnd('/') + path);

    private void SetHeaders(HttpRequestMessage request)
    {
        request.Headers.TryAddWithoutValidation("User-Agent", $"langsmith-dotnet/{ExportSettings.Version}");
        request.Headers.TryAddWithoutValidation("Accept", "application/json");
        foreach (var (name, value) in _settings.Options.Headers)
        {
            request.Headers.Remove(name);
            request.Headers.TryAddWithoutValidation(name, value);
        }

        Set("x-api-key", _settings.ApiKey);
        Set("x-tenant-id", _settings.WorkspaceId);

        void Set(string name, string? value)
        {
            if (value is null)
                return;
            request.Headers.Remove(name);
            request.Headers.TryAddWithoutValidation(name, value);
        }
    }
}
