using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Propagation;

namespace LangSmith.Http;

/// <summary>
/// A run's identity as it crosses processes: trace, run, dotted order, project or agent address, metadata and tags.
/// It is to a <see cref="RunTree"/> what <see cref="System.Diagnostics.ActivityContext"/> is to an
/// <see cref="System.Diagnostics.Activity"/>. Immutable.
/// </summary>
/// <remarks>
/// <para>The wire form is the two headers of the Python and TypeScript SDKs (<c>RunTree.to_headers</c> /
/// <c>toHeaders</c>): <c>langsmith-trace</c> holds the dotted order, <c>baggage</c> the members
/// <c>langsmith-metadata</c>, <c>langsmith-tags</c> and <c>langsmith-project</c> or <c>langsmith-address</c>.</para>
/// <para>Reading never throws. Whatever a header says, it never chooses an endpoint, a key, inputs, outputs or a
/// file: <c>langsmith-replicas</c> is ignored.</para>
/// </remarks>
/// <example>
/// A message queue, or anything else that has headers:
/// <code>
/// // sender
/// RunTree.Current?.Context.Inject(message.Headers, static (headers, name, value) =&gt; headers[name] = value);
/// // receiver
/// if (RunContext.TryExtract(message.Headers, static (headers, name) =&gt; headers.TryGetValue(name, out var v) ? [v] : null, out var parent))
///     using (TracingContext.UseParent(parent)) { … }
/// </code>
/// </example>
public sealed class RunContext
{
    /// <summary>The header that carries the dotted order: <c>langsmith-trace</c>.</summary>
    public const string TraceHeaderName = "langsmith-trace";

    /// <summary>The header that carries everything else: <c>baggage</c>, shared with W3C Baggage.</summary>
    public const string BaggageHeaderName = "baggage";

    // Frozen: all runs without metadata share it, and a recorder could cast a Dictionary and change it.
    internal static readonly IReadOnlyDictionary<string, JsonElement> NoMetadata = FrozenDictionary<string, JsonElement>.Empty;

    // As received, still percent-encoded: decoded when somebody reads it.
    private readonly string? _encodedMetadata;
    private IReadOnlyDictionary<string, JsonElement>? _metadata;
    private RunHeaders? _headers;
    private long _childrenAhead;

    internal RunContext(RunIdentity identity, IReadOnlyList<string> tags, IReadOnlyDictionary<string, JsonElement> metadata)
        : this(identity, tags, encodedMetadata: null) =>
        _metadata = metadata;

    private RunContext(RunIdentity identity, IReadOnlyList<string> tags, string? encodedMetadata)
    {
        Identity = identity;
        Tags = tags;
        _encodedMetadata = encodedMetadata;
    }

    /// <summary>
    /// The context of a trace its caller decided not to record: it has no identity, and <see cref="IsSampled"/> is
    /// false.
    /// </summary>
    internal static RunContext NotSampled { get; } = new(RunIdentity.None, [], NoMetadata) { IsSampled = false };

    /// <summary>The context where nothing is current: it has no identity and no headers.</summary>
    internal static RunContext Nothing { get; } = new(RunIdentity.None, [], NoMetadata);

    /// <summary>The id of the trace's root run.</summary>
    public Guid TraceId => Identity.TraceId;

    /// <summary>The id of this run.</summary>
    public Guid RunId => Identity.RunId;

    /// <summary>The id of this run's parent; null on a root.</summary>
    public Guid? ParentRunId => Identity.ParentRunId;

    /// <summary>The path from the root to this run, exactly as it was received or is sent.</summary>
    public string DottedOrder => Identity.DottedOrder;

    /// <summary>The project the trace belongs to; null when the header named none, or names an <see cref="Address"/>.</summary>
    public string? Project => Identity.Project;

    /// <summary>
    /// The agent address the trace belongs to instead of a project,
    /// <c>lrn:agents/&lt;id&gt;/environments/&lt;environment&gt;</c>; null when it has none.
    /// </summary>
    public string? Address => Identity.Address;

    /// <summary>The tags; empty when there are none. A comma inside a tag separates two tags on the wire.</summary>
    public IReadOnlyList<string> Tags { get; }

    /// <summary>The metadata; empty when there is none. Values keep their JSON types.</summary>
    public IReadOnlyDictionary<string, JsonElement> Metadata => _metadata ??= DecodeMetadata(_encodedMetadata);

    /// <summary>
    /// False when the caller said that it does not record this trace: runs started under it are not recorded either,
    /// and the next service is told the same. It has an identity only if the caller sends it
    /// (<see cref="LangSmithOptions.ForwardSampledOutTraces"/>).
    /// </summary>
    public bool IsSampled { get; private init; } = true;

    internal RunIdentity Identity { get; }

    /// <summary><see cref="RunIdentity.EarliestChildStart"/>, behind the children that were already started ahead of the clock.</summary>
    internal DateTime ChildFloor => Identity.EarliestChildStart.AddTicks(Volatile.Read(ref _childrenAhead) * TimeSpan.TicksPerMicrosecond);

    /// <summary>
    /// A start for a child while the clock is behind <see cref="RunIdentity.EarliestChildStart"/>; each call a microsecond later.
    /// </summary>
    internal DateTime NextEarliestChildStart()
    {
        var count = Interlocked.Increment(ref _childrenAhead) - 1;
        return Identity.EarliestChildStart.AddTicks(count * TimeSpan.TicksPerMicrosecond);
    }

    /// <summary>
    /// Reads a run from headers or message properties, their names in any case.
    /// </summary>
    /// <param name="headers">One value a name, as dictionaries have it. Null reads as empty.</param>
    /// <param name="timeProvider">The clock against which the future is told; null means the system's.</param>
    /// <returns>The run; null when there is none, or none that can be believed.</returns>
    public static RunContext? FromHeaders(IEnumerable<KeyValuePair<string, string>>? headers, TimeProvider? timeProvider = null)
    {
        TryExtract(headers, static (pairs, name) => pairs is null ? null : Values(pairs, name), out var context, timeProvider);
        return context;

        static IEnumerable<string> Values(IEnumerable<KeyValuePair<string, string>> pairs, string name)
        {
            foreach (var (key, value) in pairs)
            {
                if (string.Equals(key, name, StringComparison.OrdinalIgnoreCase))
                    yield return value;
            }
        }
    }

    /// <inheritdoc cref="FromHeaders(IEnumerable{KeyValuePair{string, string}}?, TimeProvider?)"/>
    /// <param name="headers">Several values a name, as <c>HttpRequestMessage.Headers</c> has it. Null reads as empty.</param>
    /// <param name="timeProvider">The clock against which the future is told; null means the system's.</param>
    public static RunContext? FromHeaders(IEnumerable<KeyValuePair<string, IEnumerable<string>>>? headers, TimeProvider? timeProvider = null)
    {
        TryExtract(headers, static (pairs, name) => pairs is null ? null : Values(pairs, name), out var context, timeProvider);
        return context;

        static IEnumerable<string> Values(IEnumerable<KeyValuePair<string, IEnumerable<string>>> pairs, string name)
        {
            foreach (var (key, values) in pairs)
            {
                if (!string.Equals(key, name, StringComparison.OrdinalIgnoreCase))
                    continue;
                // Some collections have a name without a list.
                foreach (var value in values ?? [])
                    yield return value;
            }
        }
    }

    /// <summary>Reads a run from a dotted order alone.</summary>
    /// <param name="dottedOrder">The dotted order; blanks around it are ignored.</param>
    /// <param name="timeProvider">The clock against which the future is told; null means the system's.</param>
    /// <returns>The run; null when the text is no dotted order.</returns>
    public static RunContext? FromDottedOrder(string? dottedOrder, TimeProvider? timeProvider = null)
    {
        PropagationTelemetry.Extractions.Add(Parse(dottedOrder, null, timeProvider ?? TimeProvider.System, out var context));
        return context;
    }

    /// <summary>Reads a run from any carrier.</summary>
    /// <typeparam name="TCarrier">The carrier's type: a header collection, gRPC metadata, a queue's properties…</typeparam>
    /// <param name="carrier">The carrier.</param>
    /// <param name="getter">
    /// Yields the values the carrier has under a name, which is always asked for in lower case; null or nothing when it
    /// has none. If it throws, there is no parent.
    /// </param>
    /// <param name="context">
    /// The run, or the fact that its trace is not recorded (<see cref="IsSampled"/>); null when there is nothing that
    /// can be believed: no trace, two of them, one that breaks the grammar, or one that lies more than an hour ahead.
    /// </param>
    /// <param name="timeProvider">The clock against which the future is told; null means the system's.</param>
    /// <returns>True when <paramref name="context"/> is not null.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="getter"/> is null.</exception>
    public static bool TryExtract<TCarrier>(
        TCarrier carrier,
        Func<TCarrier, string, IEnumerable<string?>?> getter,
        [NotNullWhen(true)] out RunContext? context,
        TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(getter);
        Extract(carrier, getter, out context, timeProvider ?? TimeProvider.System);
        return context is not null;
    }

    /// <summary><see cref="TryExtract"/>, and why there is no parent.</summary>
    internal static ExtractResult Extract<TCarrier>(
        TCarrier carrier, Func<TCarrier, string, IEnumerable<string?>?> getter, out RunContext? context, TimeProvider timeProvider)
    {
        context = null;
        ExtractResult result;
        try
        {
            result = TryGetSingle(getter(carrier, TraceHeaderName), out var trace)
                ? Parse(trace, JoinLines(getter(carrier, BaggageHeaderName), BaggageLine.MaxReadLength), timeProvider, out context)
                : ExtractResult.Ambiguous;
        }
        catch (Exception)
        {
            // The carrier and its getter are the user's, and what they hold is the caller's: a request never fails for it.
            result = ExtractResult.CarrierFailed;
        }

        PropagationTelemetry.Extractions.Add(result);
        return result;
    }

    /// <summary>Writes this run into any carrier.</summary>
    /// <typeparam name="TCarrier">The carrier's type.</typeparam>
    /// <param name="carrier">The carrier.</param>
    /// <param name="setter">
    /// Sets a value under a name, replacing what is there. It is called at most twice, with lower-case names and values
    /// in printable ASCII (other people's baggage, kept as it was, excepted).
    /// </param>
    /// <param name="getter">
    /// Reads what the carrier already has under a name. Give it when others write <c>baggage</c> too: their members are
    /// kept behind ours, and what an earlier run left behind is replaced, by an empty value where this run has nothing
    /// to put there. Null when nobody does.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="setter"/> is null.</exception>
    public void Inject<TCarrier>(
        TCarrier carrier, Action<TCarrier, string, string> setter, Func<TCarrier, string, IEnumerable<string?>?>? getter = null)
    {
        ArgumentNullException.ThrowIfNull(setter);
        if (ReferenceEquals(this, Nothing))
            return;
        var headers = GetHeaders(HeaderFormat.Default);
        var existing = getter is null ? null : JoinLines(getter(carrier, BaggageHeaderName), int.MaxValue);
        var foreign = BaggageLine.GetForeignMembersToSend(existing);
        var ours = foreign is null ? headers.Baggage : headers.Fit(Encoding.UTF8.GetByteCount(foreign), out _);
        Set(TraceHeaderName, headers.Trace, getter?.Invoke(carrier, TraceHeaderName)?.Any(static value => !string.IsNullOrEmpty(value)) == true);
        Set(BaggageHeaderName, BaggageLine.Join(ours, foreign), existing is not null);

        // A setter cannot remove what an earlier run left; an empty value reads as none in every SDK.
        void Set(string name, string? value, bool isThere)
        {
            if (value is not null || isThere)
                setter(carrier, name, value ?? "");
        }
    }

    /// <summary>The headers that carry this run; the counterpart of <c>to_headers()</c> and <c>toHeaders()</c>.</summary>
    /// <returns>
    /// <c>langsmith-trace</c> and, when there is anything to say in it, <c>baggage</c>. Merge <c>baggage</c> with what is
    /// there already, or use <see cref="Inject"/>, which does.
    /// </returns>
    public IReadOnlyDictionary<string, string> ToHeaders()
    {
        var headers = new Dictionary<string, string>(2, StringComparer.OrdinalIgnoreCase);
        Inject(headers, static (carrier, name, value) => carrier[name] = value);
        return headers;
    }

    /// <summary>The dotted order.</summary>
    public override string ToString() => DottedOrder;

    /// <summary>The same run without project and address, whose runs go where this process sends its own.</summary>
    internal RunContext WithoutDestination() =>
        new(Identity with { Project = null, Address = null }, Tags, _encodedMetadata) { IsSampled = IsSampled };

    /// <summary>The context of a root that is not recorded, for fleets whose services all decide by the trace's id.</summary>
    internal static RunContext SampledOut(RunIdentity identity) => new(identity, [], NoMetadata) { IsSampled = false };

    /// <summary>The header values in a format; built at the first call and kept.</summary>
    internal RunHeaders GetHeaders(HeaderFormat format)
    {
        var newest = Volatile.Read(ref _headers);
        var depth = 0;
        for (var headers = newest; headers is not null; headers = headers.Next, depth++)
        {
            if (ReferenceEquals(headers.Format, format))
                return headers;
        }

        // An application has a handful of formats. Where options are made per request, start over instead of growing.
        var built = ReferenceEquals(this, NotSampled) ? RunHeaders.NotSampled(format)
            : ReferenceEquals(this, Nothing) ? RunHeaders.Empty(format)
            : RunHeaders.Create(this, format, depth < 8 ? newest : null);
        Interlocked.CompareExchange(ref _headers, built, newest);
        return built;
    }

    private static ExtractResult Parse(string? trace, string? baggage, TimeProvider timeProvider, out RunContext? context)
    {
        context = null;
        var dottedOrder = trace.AsSpan().Trim(" \t");
        if (dottedOrder.IsEmpty)
        {
            if (!IsMarkedNotSampled(baggage))
                return ExtractResult.Absent;
            context = NotSampled;
            return ExtractResult.NotSampled;
        }

        if (dottedOrder.Contains(','))
            return ExtractResult.Ambiguous;
        var result = Propagation.DottedOrder.TryParse(dottedOrder, timeProvider.GetUtcNow(), out var path);
        if (result != ExtractResult.Extracted)
            return result;

        string? project = null;
        string? address = null;
        string? metadata = null;
        var isSampled = true;
        IReadOnlyList<string> tags = [];
        // The last member of a key wins, as in the other SDKs.
        if (baggage is { Length: > BaggageLine.MaxReadLength })
        {
            Telemetry.Count(Fault.UnreadableMember);
        }
        else
        {
            foreach (var member in BaggageLine.Members(baggage))
            {
                if (!member.HasValue)
                    continue;
                switch (member.Key)
                {
                    case "langsmith-project":
                        project = member.Value.IsEmpty ? null : Uri.UnescapeDataString(member.Value.ToString());
                        break;
                    case "langsmith-address":
                        address = AgentAddress.Normalize(Uri.UnescapeDataString(member.Value.ToString()));
                        if (address is null)
                            Telemetry.Count(Fault.UnreadableMember);
                        break;
                    case "langsmith-tags":
                        tags = Uri.UnescapeDataString(member.Value.ToString()).Split(',', StringSplitOptions.RemoveEmptyEntries);
                        break;
                    case "langsmith-metadata":
                        metadata = member.Value.ToString();
                        break;
                    case "langsmith-sampled":
                        // Of another trace it is left over: somebody relayed it.
                        isSampled = member.Value is not "0" || !member.Text.EndsWith(RunHeaders.TraceOf(path.TraceId), StringComparison.Ordinal);
                        break;
                }
            }
        }

        // TypeScript 0.12: a run goes to a project or to an address; a header that names both has no meaning.
        if (project is not null && address is not null)
            return ExtractResult.ProjectAndAddress;
        var text = dottedOrder.Length == trace?.Length ? trace : dottedOrder.ToString();
        var identity = new RunIdentity(path.TraceId, path.RunId, path.ParentRunId, text, path.EarliestChildStart, project, address);
        context = new RunContext(identity, tags, metadata) { IsSampled = isSampled };
        return isSampled ? ExtractResult.Extracted : ExtractResult.NotSampled;
    }

    private static bool IsMarkedNotSampled(string? baggage)
    {
        foreach (var member in BaggageLine.Members(baggage))
        {
            if (member.Key is "langsmith-sampled" && member.Value is "0")
                return true;
        }

        return false;
    }

    private static IReadOnlyDictionary<string, JsonElement> DecodeMetadata(string? encoded)
    {
        if (string.IsNullOrEmpty(encoded))
            return NoMetadata;
        try
        {
            using var document = JsonDocument.Parse(Uri.UnescapeDataString(encoded));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return NoMetadata;
            var root = document.RootElement.Clone();
            var metadata = new Dictionary<string, JsonElement>();
            foreach (var property in root.EnumerateObject())
                metadata[property.Name] = property.Value;
            return metadata;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            // No JSON, or JSON whose names are no text (a lone surrogate): the metadata is ignored, the trace goes on.
            Telemetry.Count(Fault.UnreadableMember);
            return NoMetadata;
        }
    }

    // False when there are two values: which of them is meant?
    private static bool TryGetSingle(IEnumerable<string?>? values, out string? single)
    {
        single = null;
        if (values is null)
            return true;
        foreach (var value in values)
        {
            if (string.IsNullOrEmpty(value))
                continue;
            if (single is not null)
                return false;
            single = value;
        }

        return true;
    }

    // Several baggage lines are one list; joining stops where the list is longer than anybody wants it.
    private static string? JoinLines(IEnumerable<string?>? values, int enough)
    {
        string? first = null;
        StringBuilder? joined = null;
        foreach (var value in values ?? [])
        {
            if (string.IsNullOrEmpty(value))
                continue;
            if (first is null)
                first = value;
            else
                (joined ??= new StringBuilder(first)).Append(',').Append(value);
            if ((joined?.Length ?? first.Length) > enough)
                break;
        }

        return joined?.ToString() ?? first;
    }
}
