using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using LangSmith.Http.Export.Diagnostics;
using LangSmith.Http.Export.Model;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace LangSmith.Http.Export.Transport;

/// <summary>Posts batches to LangSmith, and tries again what may go better later.</summary>
internal sealed class IngestClient
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(500);

    // Short enough for another attempt within the time an application gives its end.
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan BreakDuration = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan InfoTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LimitMemory = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan InfoPause = TimeSpan.FromMinutes(1);
    private static readonly ResiliencePropertyKey<string?> LastCause = new("langsmith.cause");
    private static readonly MediaTypeHeaderValue Json = new("application/json");

    // LangSmith takes four times as much. Less is less memory, and gets through where the line is slow.
    private const int MaxBodyBytes = 5 << 20;
    private const int MinBodyBytes = 64 << 10;
    private const int MaxInfoBytes = 65_536;
    private const int MaxSaidBytes = 4096;
    private const int MaxSaid = 300;

    private readonly ExportSettings _settings;
    private readonly HttpClient _client;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly string _boundary = $"----LangSmithFormBoundary{Guid.NewGuid():N}";
    private readonly ResiliencePipeline<HttpResponseMessage> _pipeline;
    private readonly Outage _outage;
    private ServerInfo? _info;
    private long _maxBatchBytes = MaxBodyBytes;
    private long _limitLearnedAt;
    private long? _infoFailedAt;
    private volatile bool _hasNoMultipart;

    internal IngestClient(ExportSettings settings, HttpClient client, TimeProvider timeProvider, ILogger logger)
    {
        _settings = settings;
        _client = client;
        _outage = new Outage(logger, timeProvider);
        _timeProvider = timeProvider;
        _logger = logger;
        _pipeline = CreatePipeline();
    }

    /// <summary>What the server said about itself, once it has.</summary>
    internal ServerInfo? KnownInfo => _info;

    /// <summary>Why runs wait; null while they get there.</summary>
    internal string? Trouble => _outage.Cause;

    /// <summary>What is put together in one request at most; a run alone may be larger where the server takes it.</summary>
    internal long MaxBatchBytes(ServerInfo info)
    {
        // What refused it may be gone.
        if (_timeProvider.GetElapsedTime(Interlocked.Read(ref _limitLearnedAt)) > LimitMemory)
            Interlocked.Exchange(ref _maxBatchBytes, MaxBodyBytes);
        return Math.Min(info.MaxBytes, Interlocked.Read(ref _maxBatchBytes));
    }

    /// <summary>What the server says about itself; asked for once, before the first batch.</summary>
    internal async ValueTask<ServerInfo> GetInfoAsync(CancellationToken cancellationToken)
    {
        if (_info is { } known)
            return known;
        // Where it fails it may go on failing, and batches wait for it.
        if (_infoFailedAt is { } failedAt && _timeProvider.GetElapsedTime(failedAt) < InfoPause)
            return ServerInfo.Default;
        var cause = "";
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, Address("/info"));
            SetHeaders(request);
            var limit = _settings.Options.RequestTimeout < InfoTimeout ? _settings.Options.RequestTimeout : InfoTimeout;
            using var timeout = new CancellationTokenSource(limit, _timeProvider);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            using var response = await SendAsync(request, either.Token).ConfigureAwait(false);
            if (response.IsSuccessStatusCode)
            {
                using var json = JsonDocument.Parse(await ReadAsync(response, MaxInfoBytes, either.Token).ConfigureAwait(false));
                return _info = ServerInfo.Read(json.RootElement);
            }

            cause = ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture);
        }
        catch (Exception exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            cause = exception.GetType().Name;
        }

        // Not fatal, as in the SDKs.
        _infoFailedAt = _timeProvider.GetTimestamp();
        ExportLog.InfoFailed(_logger, cause);
        return ServerInfo.Default;
    }

    /// <summary>Sends runs in one request, as often as it takes; what the server says about a refusal comes with it.</summary>
    internal async Task<(SendResult Result, string? Said)> SendAsync(IReadOnlyList<RunOperation> runs, ServerInfo info, CancellationToken cancellationToken)
    {
        var isMultipart = info.UsesMultipart && !_hasNoMultipart;
        var isCompressed = info.TakesGzip;
        var body = Write(runs, isMultipart, isCompressed);
        var context = ResilienceContextPool.Shared.Get(continueOnCapturedContext: false, cancellationToken);
        try
        {
            using var response = await _pipeline.ExecuteAsync(
                static async (context, state) =>
                {
                    var (self, body, isMultipart, isCompressed) = state;
                    // Nothing is posted once it is thrown, however long the batch has waited.
                    if (!self._settings.IsEnabled())
                        throw new OperationCanceledException();
                    using var request = self.CreateRequest(body, isMultipart, isCompressed);
                    return await self.SendAsync(request, context.CancellationToken).ConfigureAwait(false);
                },
                context,
                (this, body, isMultipart, isCompressed)).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                // One that has neither is no LangSmith, and may be one tomorrow: then multipart is asked for again.
                _hasNoMultipart = isMultipart;
                if (isMultipart)
                    return (SendResult.NoMultipart, null);
            }

            var result = Judge(response);
            if (result == SendResult.RetriesExhausted)
                return (_settings.IsEnabled() ? result : SendResult.Off, context.Properties.GetValue(LastCause, null));
            _outage.End();
            if (result == SendResult.TooLarge)
                LearnLimit(runs);
            return (result, result is SendResult.Refused or SendResult.TooLarge or SendResult.Rejected ? await DescribeAsync(response, cancellationToken).ConfigureAwait(false) : null);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            return (SendResult.Shutdown, context.Properties.GetValue(LastCause, null));
        }
        catch (Exception exception)
        {
            // The kill switch was thrown. What was thrown otherwise is the network's, or the user's handlers'.
            return (_settings.IsEnabled() ? SendResult.RetriesExhausted : SendResult.Off, context.Properties.GetValue(LastCause, Mask(Describe(exception))));
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    // The status says it all: an answer whose body takes its time is one.
    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        // A handler of the user's that does not look at the token, or blocks its thread, must not hold up the application's end.
        var sending = Task.Run(() => _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken), CancellationToken.None);
        try
        {
            return await sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _ = sending.ContinueWith(
                static late =>
                {
                    if (late.IsCompletedSuccessfully)
                        late.Result.Dispose();
                    else
                        _ = late.Exception;
                },
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            throw;
        }
    }

    // Its words are for the log: short, in one line, and without the key should it quote what it was sent.
    private async Task<string> DescribeAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var text = "";
        try
        {
            using var timeout = new CancellationTokenSource(InfoTimeout, _timeProvider);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            text = Encoding.UTF8.GetString((await ReadAsync(response, MaxSaidBytes, either.Token).ConfigureAwait(false)).Span);
        }
        catch (Exception)
        {
            // The status will have to do.
        }

        text = Mask(text);
        var line = new string([.. text.Take(MaxSaid).Select(static c => char.IsControl(c) ? ' ' : c)]);
        return $"{(int)response.StatusCode} {line}".TrimEnd();
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpResponseMessage response, int most, CancellationToken cancellationToken)
    {
        var buffer = new byte[most];
        using var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        return buffer.AsMemory(0, await stream.ReadAtLeastAsync(buffer, most, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false));
    }

    private static SendResult Judge(HttpResponseMessage response) => (int)response.StatusCode switch
    {
        // Somebody followed a redirect, without the runs.
        >= 200 and < 300 when response.RequestMessage is { } request && request.Method != HttpMethod.Post => SendResult.Rejected,
        >= 200 and < 300 or 409 => SendResult.Sent,
        400 or 422 => SendResult.Refused,
        413 => SendResult.TooLarge,
        401 => SendResult.Unauthorized,
        403 => SendResult.Forbidden,
        _ when IsTransient(response.StatusCode) => SendResult.RetriesExhausted,
        _ => SendResult.Rejected,
    };

    private static bool IsTransient(HttpStatusCode status) => (int)status is 408 or 425 or 429 or >= 500;

    private static string Describe(Exception exception) => exception is TimeoutRejectedException ? "no answer in time" : $"{exception.GetType().Name}: {exception.GetBaseException().Message}";

    // A server, or a proxy, that takes less than it said.
    private void LearnLimit(IReadOnlyList<RunOperation> runs)
    {
        var size = runs.Sum(static run => run.Size);
        // One run that is most of it may be to blame alone.
        if (runs.Max(static run => run.Size) > size / 2)
            return;
        Interlocked.Exchange(ref _limitLearnedAt, _timeProvider.GetTimestamp());
        Interlocked.Exchange(ref _maxBatchBytes, Math.Min(Interlocked.Read(ref _maxBatchBytes), Math.Max(MinBodyBytes, size / 2)));
    }

    private string Mask(string text)
    {
        // Short values are none, and would be found in every word.
        foreach (var secret in _settings.Options.Headers.Values.Where(static value => value.Length >= 8).Append(_settings.ApiKey))
        {
            if (secret is not null)
                text = text.Replace(secret, "…", StringComparison.Ordinal);
        }

        return text;
    }

    // Longer than there is time for all attempts is too long, and may be longer than a timer can be.
    private TimeSpan? RetryAfter(HttpResponseMessage? response)
    {
        var after = response?.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - _timeProvider.GetUtcNow(),
            _ => TimeSpan.Zero,
        };
        return after <= TimeSpan.Zero ? null : after < _settings.Options.MaxRetryTime ? after : _settings.Options.MaxRetryTime;
    }

    private ResiliencePipeline<HttpResponseMessage> CreatePipeline() => new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = _timeProvider }
        .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
        {
            ShouldHandle = arguments => ValueTask.FromResult(_settings.IsEnabled() && (
                arguments.Outcome.Exception is not null ? !arguments.Context.CancellationToken.IsCancellationRequested : IsTransient(arguments.Outcome.Result!.StatusCode))),
            // The batch's time is what ends it.
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = FirstDelay,
            MaxDelay = MaxDelay,
            DelayGenerator = arguments => ValueTask.FromResult(RetryAfter(arguments.Outcome.Result)),
            OnRetry = arguments =>
            {
                var cause = Mask(arguments.Outcome.Result is { } response ? $"{(int)response.StatusCode} {response.ReasonPhrase}".TrimEnd() : Describe(arguments.Outcome.Exception!));
                // A broken circuit is the consequence of what was said before.
                if (arguments.Outcome.Exception is not BrokenCircuitException)
                {
                    arguments.Context.Properties.Set(LastCause, cause);
                    _outage.Add(cause);
                }

                ExportTelemetry.CountRetry();
                ExportLog.Retry(_logger, cause, arguments.RetryDelay);
                arguments.Outcome.Result?.Dispose();
                return default;
            },
        })
        .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
        {
            ShouldHandle = static arguments => ValueTask.FromResult(
                arguments.Outcome.Exception is not null ? !arguments.Context.CancellationToken.IsCancellationRequested : (int)arguments.Outcome.Result!.StatusCode >= 500),
            FailureRatio = 0.9,
            MinimumThroughput = 10,
            SamplingDuration = TimeSpan.FromSeconds(30),
            BreakDuration = BreakDuration,
        })
        .AddTimeout(_settings.Options.RequestTimeout)
        .Build();

    private Body Write(IReadOnlyList<RunOperation> runs, bool isMultipart, bool compress)
    {
        var body = new Body();
        if (compress)
        {
            // A compressor takes many small pieces badly.
            using var gzip = new BufferedStream(new GZipStream(body, CompressionLevel.Fastest), Body.PieceBytes);
            WriteTo(gzip);
        }
        else
        {
            WriteTo(body);
        }

        return body;

        void WriteTo(Stream output)
        {
            using var writer = new RunWriter(_settings);
            if (isMultipart)
                MultipartBody.Write(runs, writer, _boundary, output);
            else
                writer.WriteBatch(runs, output);
        }
    }

    private HttpRequestMessage CreateRequest(Body body, bool isMultipart, bool isCompressed)
    {
        var content = body.ToContent();
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
