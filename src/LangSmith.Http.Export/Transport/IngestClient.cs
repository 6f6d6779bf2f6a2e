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
#pragma warning disable CA1001 // A semaphore that nobody asks for its handle holds nothing to dispose.
internal sealed class IngestClient
#pragma warning restore CA1001
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(500);

    // Short enough for another attempt within the shutdown timeout.
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan BreakDuration = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan InfoTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan InfoPause = TimeSpan.FromMinutes(1);
    private static readonly ResiliencePropertyKey<string?> LastCause = new("langsmith.cause");
    private static readonly ResiliencePropertyKey<Attempts?> Current = new("langsmith.attempts");

    // After so many server errors while other runs get through, the cause is in the body. A single run is lost then: it has more.
    private const int SuspectAttempts = 3;
    private const int LastAttempts = 10;
    private const int MaxInfoBytes = 65_536;
    private const int MaxAnswerBytes = 4096;
    private const int MaxAnswerLength = 300;

    private readonly ExportSettings _settings;
    private readonly HttpClient _client;
    private readonly IngestRequests _requests;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly ResiliencePipeline<HttpResponseMessage> _pipeline;
    private readonly ResiliencePipeline<HttpResponseMessage> _attempt;
    private readonly Outage _outage;
    private readonly BodyLimit _limit;
    private readonly HurriedTime _waits;
    private readonly SemaphoreSlim _line = new(1);
    private ServerInfo? _info;
    private long? _infoFailedAt;
    private long? _answerFailedAt;
    private long _sent;
    private long _sentAt;
    private volatile bool _hasNoMultipart;

    internal IngestClient(ExportSettings settings, HttpClient client, TimeProvider timeProvider, ILogger logger)
    {
        _settings = settings;
        _client = client;
        _requests = new IngestRequests(settings);
        _outage = new Outage(logger, timeProvider);
        _timeProvider = timeProvider;
        _logger = logger;
        _limit = new BodyLimit(settings.Options.RequestTimeout, timeProvider);
        _sentAt = timeProvider.GetTimestamp();
        _waits = new HurriedTime(timeProvider, BreakDuration);
        _pipeline = CreatePipeline();
        _attempt = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = timeProvider }
            .AddTimeout(settings.Options.RequestTimeout)
            .Build();
    }

    /// <summary>The answer of <c>GET /info</c>; null before it succeeded.</summary>
    internal ServerInfo? KnownInfo => _info;

    /// <summary>Why LangSmith is not reachable; null if it is.</summary>
    internal string? Trouble => _outage.Cause;

    /// <summary>Returns the most bytes of a batch. A single run may be larger, if the server accepts it.</summary>
    internal long GetMaxBatchBytes(ServerInfo info) => Math.Min(info.MaxBytes, _limit.Bytes);

    /// <summary>How many requests LangSmith took.</summary>
    internal long Sent => Interlocked.Read(ref _sent);

    /// <summary>When LangSmith took the last one, or the client was made.</summary>
    internal long SentAt => Interlocked.Read(ref _sentAt);

    /// <summary>The application ends: what waits for another attempt is tried at once.</summary>
    internal void Hurry() => _waits.Hurry();

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
    /// <param name="operations">The operations.</param>
    /// <param name="info">What the server takes.</param>
    /// <param name="sentBefore"><see cref="Sent"/> as it was when the batch began.</param>
    /// <param name="cancellationToken">Ends the retries.</param>
    /// <returns>How it ended; after a refusal the server's answer, after retries the last failure.</returns>
    internal async Task<(SendOutcome Outcome, string? Answer)> SendAsync(
        IReadOnlyList<RunOperation> operations, ServerInfo info, long sentBefore, CancellationToken cancellationToken)
    {
        var isMultipart = info.UsesMultipart && !_hasNoMultipart;
        // The other endpoint gets no gzip from the other SDKs.
        var body = _requests.Write(operations, isMultipart, info.TakesGzip && isMultipart);
        var size = operations.Sum(static operation => operation.Size);
        var attempts = new Attempts(operations.Count > 1 && BodyLimit.IsLarge(size), operations.Count > 1 ? SuspectAttempts : LastAttempts, sentBefore);
        var context = ResilienceContextPool.Shared.Get(continueOnCapturedContext: false, cancellationToken);
        context.Properties.Set(Current, attempts);
        try
        {
            using var response = await _pipeline.ExecuteAsync(
                static (context, state) => state.Client.SendOnceAsync(state.Body, state.Size, context.CancellationToken),
                context,
                (Client: this, Body: body, Size: size)).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                // A server with neither endpoint is no LangSmith, and may be one later: then try multipart again.
                _hasNoMultipart = body.IsMultipart;
                if (body.IsMultipart)
                    return (SendOutcome.NoMultipart, null);
            }

            var outcome = GetOutcome(response);
            if (outcome == SendOutcome.Unavailable)
            {
                var isTooSlow = attempts.IsLarge && IsTooLong(response.StatusCode);
                if (isTooSlow)
                    _limit.AddRefused(size);
                return (isTooSlow ? SendOutcome.TooSlow : IsSuspect(attempts, response) ? SendOutcome.Suspect : OffOr(outcome),
                    context.Properties.GetValue(LastCause, null) ?? await DescribeAsync(response, cancellationToken).ConfigureAwait(false));
            }

            _outage.End();
            if (outcome == SendOutcome.Sent)
            {
                Interlocked.Increment(ref _sent);
                Interlocked.Exchange(ref _sentAt, _timeProvider.GetTimestamp());
                return (outcome, null);
            }

            // A run that is most of the batch may be the only cause.
            if (outcome == SendOutcome.TooLarge && operations.Max(static operation => operation.Size) <= size / 2)
                _limit.AddRefused(size);
            return (outcome, await DescribeAsync(response, cancellationToken).ConfigureAwait(false));
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            return (SendOutcome.Canceled, context.Properties.GetValue(LastCause, null));
        }
        catch (TimeoutRejectedException exception) when (attempts.IsLarge)
        {
            _limit.AddTimedOut(size);
            return (OffOr(SendOutcome.TooSlow), Describe(exception));
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

    private async ValueTask<HttpResponseMessage> SendOnceAsync(IngestBody body, long size, CancellationToken cancellationToken)
    {
        // On a slow line bodies that are sent at once are all late.
        var isAlone = _limit.IsOneAtATime;
        if (isAlone)
            await _line.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Once tracing is switched off nothing is posted, however long the batch has waited.
            if (!_settings.IsEnabled())
                throw new OperationCanceledException();
            var startedAt = _timeProvider.GetTimestamp();
            var response = await _attempt.ExecuteAsync(
                static async (state, cancellationToken) =>
                {
                    using var request = state.Client._requests.CreatePost(state.Body);
                    return await state.Client.SendAsync(request, cancellationToken).ConfigureAwait(false);
                },
                (Client: this, Body: body),
                cancellationToken).ConfigureAwait(false);
            if (response.IsSuccessStatusCode)
                _limit.AddSent(size, _timeProvider.GetElapsedTime(startedAt));
            return response;
        }
        finally
        {
            if (isAlone)
                _line.Release();
        }
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
        // An answer that does not end costs its time once, not for each half of a batch.
        if (_answerFailedAt is { } failedAt && _timeProvider.GetElapsedTime(failedAt) < InfoPause)
            return DescribeStatus(response);
        try
        {
            using var timeout = new CancellationTokenSource(InfoTimeout, _timeProvider);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            text = Encoding.UTF8.GetString((await ReadAsync(response, MaxAnswerBytes, either.Token).ConfigureAwait(false)).Span);
        }
        catch (Exception)
        {
            // Log the status alone.
            _answerFailedAt = _timeProvider.GetTimestamp();
        }

        var line = new string([.. _requests.Mask(text).Take(MaxAnswerLength).Select(static c => char.IsControl(c) ? ' ' : c)]);
        return $"{DescribeStatus(response)} {line}".TrimEnd();
    }

    // What is no JSON comes from something in front of LangSmith; where a redirect leads is the remedy.
    private string DescribeStatus(HttpResponseMessage response)
    {
        var status = ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture);
        if (response.Headers.Location is { } location)
            status += _requests.Mask($" Location: {location}");
        return IsJson(response) ? status : $"{status} ({response.Content.Headers.ContentType!.MediaType})";
    }

    private static bool IsJson(HttpResponseMessage response) =>
        response.Content.Headers.ContentType?.MediaType is not { } type || type.EndsWith("json", StringComparison.OrdinalIgnoreCase);

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
        // A sign-in page, or the UI's address.
        (>= 200 and < 300) or 409 when !IsJson(response) => SendOutcome.NotLangSmith,
        >= 200 and < 300 or 409 => SendOutcome.Sent,
        400 or 422 => SendOutcome.Refused,
        413 => SendOutcome.TooLarge,
        401 => SendOutcome.Unauthorized,
        403 => SendOutcome.Forbidden,
        _ when IsTransient(response.StatusCode) => SendOutcome.Unavailable,
        _ => SendOutcome.Rejected,
    };

    // What gateways say if they waited too long for the body, or for LangSmith to read it.
    private static bool IsTooLong(HttpStatusCode status) => status is HttpStatusCode.GatewayTimeout or HttpStatusCode.RequestTimeout;

    private bool IsSuspect(Attempts attempts, HttpResponseMessage response) =>
        attempts.Failed >= attempts.Most && Sent > attempts.SentBefore
        && response.StatusCode is HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway;

    private static bool IsTransient(HttpStatusCode status) => (int)status is 408 or 425 or 429 or >= 500;

    private static string Describe(Exception exception) =>
        exception is TimeoutRejectedException ? "no answer in time" : $"{exception.GetType().Name}: {exception.GetBaseException().Message}";

    // At most MaxRetryTime: the server's value may be more than a timer accepts.
    private TimeSpan? GetRetryAfter(HttpResponseMessage? response)
    {
        var after = response?.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            // By the server's clock, where it says what that is: ours may be wrong.
            { Date: { } date } => date - (response.Headers.Date ?? _timeProvider.GetUtcNow()),
            _ => TimeSpan.Zero,
        };
        return after <= TimeSpan.Zero ? null : after < _settings.Options.MaxRetryTime ? after : _settings.Options.MaxRetryTime;
    }

    private ResiliencePipeline<HttpResponseMessage> CreatePipeline() =>
        new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = _waits }
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                ShouldHandle = arguments => ValueTask.FromResult(
                    _settings.IsEnabled() && IsFailure(arguments.Outcome, arguments.Context, IsTransient)
                    && !IsHopeless(arguments.Outcome, arguments.Context)),
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
            .Build();

    // Whether smaller bodies may help, so that this one is not sent again.
    private bool IsHopeless(Outcome<HttpResponseMessage> outcome, ResilienceContext context)
    {
        var attempts = context.Properties.GetValue(Current, null)!;
        attempts.Failed++;
        return outcome.Result is { } response
            ? (attempts.IsLarge && IsTooLong(response.StatusCode)) || IsSuspect(attempts, response)
            : attempts.IsLarge && outcome.Exception is TimeoutRejectedException;
    }

    // The exception of a cancelled batch is no failure.
    private static bool IsFailure(Outcome<HttpResponseMessage> outcome, ResilienceContext context, Func<HttpStatusCode, bool> isFailure) =>
        outcome.Exception is null ? isFailure(outcome.Result!.StatusCode) : !context.CancellationToken.IsCancellationRequested;

    private async ValueTask OnRetryAsync(OnRetryArguments<HttpResponseMessage> arguments)
    {
        var (response, exception) = (arguments.Outcome.Result, arguments.Outcome.Exception);
        var cause = response is null
            ? _requests.Mask(Describe(exception!))
            : await DescribeAsync(response, arguments.Context.CancellationToken).ConfigureAwait(false);
        // A broken circuit is the consequence of an earlier cause.
        if (exception is not BrokenCircuitException)
        {
            arguments.Context.Properties.Set(LastCause, cause);
            _outage.Add(cause);
        }

        ExportTelemetry.CountRetry();
        ExportLog.Retry(_logger, cause, arguments.RetryDelay);
        response?.Dispose();
    }

    /// <summary>What the attempts to send one body have come to.</summary>
    private sealed record Attempts(bool IsLarge, int Most, long SentBefore)
    {
        internal int Failed { get; set; }
    }
}
