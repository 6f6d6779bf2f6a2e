using System.Globalization;
using System.Net;
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

/// <summary>Posts operations to LangSmith, and retries what may succeed later.</summary>
internal sealed class IngestClient
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(500);

    // Short enough for another attempt within the shutdown timeout.
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan BreakDuration = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan InfoTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LimitMemory = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan InfoPause = TimeSpan.FromMinutes(1);
    private static readonly ResiliencePropertyKey<string?> LastCause = new("langsmith.cause");

    // LangSmith accepts four times as much. Smaller bodies need less memory, and arrive in time on slow connections.
    private const int MaxBodyBytes = 5 << 20;
    private const int MinBodyBytes = 64 << 10;
    private const int MaxInfoBytes = 65_536;
    private const int MaxAnswerBytes = 4096;
    private const int MaxAnswerLength = 300;

    private readonly ExportSettings _settings;
    private readonly HttpClient _client;
    private readonly IngestRequests _requests;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
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
        _requests = new IngestRequests(settings);
        _outage = new Outage(logger, timeProvider);
        _timeProvider = timeProvider;
        _logger = logger;
        _pipeline = CreatePipeline();
    }

    /// <summary>The answer of <c>GET /info</c>; null before it succeeded.</summary>
    internal ServerInfo? KnownInfo => _info;

    /// <summary>Why LangSmith is not reachable; null if it is.</summary>
    internal string? Trouble => _outage.Cause;

    /// <summary>Returns the most bytes of a batch. A single run may be larger, if the server accepts it.</summary>
    internal long GetMaxBatchBytes(ServerInfo info)
    {
        // The proxy that refused a larger body may be gone.
        if (_timeProvider.GetElapsedTime(Interlocked.Read(ref _limitLearnedAt)) > LimitMemory)
            Interlocked.Exchange(ref _maxBatchBytes, MaxBodyBytes);
        return Math.Min(info.MaxBytes, Interlocked.Read(ref _maxBatchBytes));
    }

    /// <summary>Asks the server once for its limits and features. If that fails, returns the defaults and asks again later.</summary>
    internal async ValueTask<ServerInfo> GetInfoAsync(CancellationToken cancellationToken)
    {
        if (_info is { } known)
            return known;
        // Batches wait for the answer: after a failure, pause.
        if (_infoFailedAt is { } failedAt && _timeProvider.GetElapsedTime(failedAt) < InfoPause)
            return ServerInfo.Default;
        var cause = "";
        try
        {
            using var request = _requests.CreateInfo();
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

        // Not fatal, as in the other SDKs.
        _infoFailedAt = _timeProvider.GetTimestamp();
        ExportLog.InfoFailed(_logger, cause);
        return ServerInfo.Default;
    }

    /// <summary>Sends operations in one request, with retries.</summary>
    /// <returns>How it ended; after a refusal the server's answer, after retries the last failure.</returns>
    internal async Task<(SendOutcome Outcome, string? Answer)> SendAsync(
        IReadOnlyList<RunOperation> operations, ServerInfo info, CancellationToken cancellationToken)
    {
        var body = _requests.Write(operations, info.UsesMultipart && !_hasNoMultipart, info.TakesGzip);
        var context = ResilienceContextPool.Shared.Get(continueOnCapturedContext: false, cancellationToken);
        try
        {
            using var response = await _pipeline.ExecuteAsync(
                static (context, state) => state.Client.SendOnceAsync(state.Body, context.CancellationToken),
                context,
                (Client: this, Body: body)).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                // A server with neither endpoint is no LangSmith, and may be one later: then try multipart again.
                _hasNoMultipart = body.IsMultipart;
                if (body.IsMultipart)
                    return (SendOutcome.NoMultipart, null);
            }

            var outcome = GetOutcome(response);
            if (outcome == SendOutcome.Unavailable)
                return (OffOr(outcome), context.Properties.GetValue(LastCause, null));
            _outage.End();
            if (outcome == SendOutcome.TooLarge)
                LearnLimit(operations);
            return outcome is SendOutcome.Refused or SendOutcome.TooLarge or SendOutcome.Rejected
                ? (outcome, await DescribeAsync(response, cancellationToken).ConfigureAwait(false))
                : (outcome, null);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            return (SendOutcome.Canceled, context.Properties.GetValue(LastCause, null));
        }
        catch (Exception exception)
        {
            // From the network, the user's handlers, or SendOnceAsync.
            return (OffOr(SendOutcome.Unavailable), context.Properties.GetValue(LastCause, _requests.Mask(Describe(exception))));
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private async ValueTask<HttpResponseMessage> SendOnceAsync(IngestBody body, CancellationToken cancellationToken)
    {
        // Once tracing is switched off nothing is posted, however long the batch has waited.
        if (!_settings.IsEnabled())
            throw new OperationCanceledException();
        using var request = _requests.CreatePost(body);
        return await SendAsync(request, cancellationToken).ConfigureAwait(false);
    }

    private SendOutcome OffOr(SendOutcome outcome) => _settings.IsEnabled() ? outcome : SendOutcome.SwitchedOff;

    // Returns when the headers are there: the status is the answer, however slow the body.
    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        // A handler of the user's that ignores the token, or blocks its thread, must not delay the shutdown.
        var sending = Task.Run(
            () => _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken), CancellationToken.None);
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

    // For the log: short, on one line, and without the key, which the server may quote.
    private async Task<string> DescribeAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var text = "";
        try
        {
            using var timeout = new CancellationTokenSource(InfoTimeout, _timeProvider);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            text = Encoding.UTF8.GetString((await ReadAsync(response, MaxAnswerBytes, either.Token).ConfigureAwait(false)).Span);
        }
        catch (Exception)
        {
            // Log the status alone.
        }

        var line = new string([.. _requests.Mask(text).Take(MaxAnswerLength).Select(static c => char.IsControl(c) ? ' ' : c)]);
        return $"{(int)response.StatusCode} {line}".TrimEnd();
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(
        HttpResponseMessage response, int maxBytes, CancellationToken cancellationToken)
    {
        var buffer = new byte[maxBytes];
        using var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        var count = await stream.ReadAtLeastAsync(buffer, maxBytes, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        return buffer.AsMemory(0, count);
    }

    private static SendOutcome GetOutcome(HttpResponseMessage response) => (int)response.StatusCode switch
    {
        // A handler followed a redirect with a GET, without the body.
        >= 200 and < 300 when response.RequestMessage is { } request && request.Method != HttpMethod.Post => SendOutcome.Rejected,
        >= 200 and < 300 or 409 => SendOutcome.Sent,
        400 or 422 => SendOutcome.Refused,
        413 => SendOutcome.TooLarge,
        401 => SendOutcome.Unauthorized,
        403 => SendOutcome.Forbidden,
        _ when IsTransient(response.StatusCode) => SendOutcome.Unavailable,
        _ => SendOutcome.Rejected,
    };

    private static bool IsTransient(HttpStatusCode status) => (int)status is 408 or 425 or 429 or >= 500;

    private static string Describe(Exception exception) =>
        exception is TimeoutRejectedException ? "no answer in time" : $"{exception.GetType().Name}: {exception.GetBaseException().Message}";

    // A server or proxy may accept less than GET /info returned.
    private void LearnLimit(IReadOnlyList<RunOperation> operations)
    {
        var size = operations.Sum(static operation => operation.Size);
        // A run that is most of the batch may be the only cause.
        if (operations.Max(static operation => operation.Size) > size / 2)
            return;
        Interlocked.Exchange(ref _limitLearnedAt, _timeProvider.GetTimestamp());
        var limit = Math.Min(Interlocked.Read(ref _maxBatchBytes), Math.Max(MinBodyBytes, size / 2));
        Interlocked.Exchange(ref _maxBatchBytes, limit);
    }

    // At most MaxRetryTime: the server's value may be more than a timer accepts.
    private TimeSpan? GetRetryAfter(HttpResponseMessage? response)
    {
        var after = response?.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - _timeProvider.GetUtcNow(),
            _ => TimeSpan.Zero,
        };
        return after <= TimeSpan.Zero ? null : after < _settings.Options.MaxRetryTime ? after : _settings.Options.MaxRetryTime;
    }

    private ResiliencePipeline<HttpResponseMessage> CreatePipeline() =>
        new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = _timeProvider }
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                ShouldHandle = arguments => ValueTask.FromResult(
                    _settings.IsEnabled() && IsFailure(arguments.Outcome, arguments.Context, IsTransient)),
                // The token of the batch ends it.
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = FirstDelay,
                MaxDelay = MaxDelay,
                DelayGenerator = arguments => ValueTask.FromResult(GetRetryAfter(arguments.Outcome.Result)),
                OnRetry = OnRetryAsync,
            })
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
            {
                ShouldHandle = static arguments => ValueTask.FromResult(
                    IsFailure(arguments.Outcome, arguments.Context, static status => (int)status >= 500)),
                FailureRatio = 0.9,
                MinimumThroughput = 10,
                SamplingDuration = TimeSpan.FromSeconds(30),
                BreakDuration = BreakDuration,
            })
            .AddTimeout(_settings.Options.RequestTimeout)
            .Build();

    // The exception of a cancelled batch is no failure.
    private static bool IsFailure(Outcome<HttpResponseMessage> outcome, ResilienceContext context, Func<HttpStatusCode, bool> isFailure) =>
        outcome.Exception is null ? isFailure(outcome.Result!.StatusCode) : !context.CancellationToken.IsCancellationRequested;

    private ValueTask OnRetryAsync(OnRetryArguments<HttpResponseMessage> arguments)
    {
        var (response, exception) = (arguments.Outcome.Result, arguments.Outcome.Exception);
        var cause = _requests.Mask(
            response is null ? Describe(exception!) : $"{(int)response.StatusCode} {response.ReasonPhrase}".TrimEnd());
        // A broken circuit is the consequence of an earlier cause.
        if (exception is not BrokenCircuitException)
        {
            arguments.Context.Properties.Set(LastCause, cause);
            _outage.Add(cause);
        }

        ExportTelemetry.CountRetry();
        ExportLog.Retry(_logger, cause, arguments.RetryDelay);
        response?.Dispose();
        return default;
    }
}
