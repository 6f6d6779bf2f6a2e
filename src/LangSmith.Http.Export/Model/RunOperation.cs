using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LangSmith.Http.Propagation;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http.Export.Model;

/// <summary>One <c>post</c> or <c>patch</c> of a run. It is written as JSON when it is sent.</summary>
internal sealed class RunOperation
{
    // About what a run without payload is on the wire; in memory it is a third of it. Batches are bounded by Size too.
    private const int Overhead = 1536;

    // A JsonPayload and its array, besides the bytes.
    private const int BytesPerPayload = 64;

    // Metadata is parsed: a JsonDocument, its entry in the dictionary, and the index entry of each name and value.
    private const int BytesPerElement = 256;
    private const int BytesPerValue = 12;

    // Less is not worth leaving out.
    private const int LeastOmitted = 10_000;

    // A RunEvent and its place in the list; a string's head and its place.
    private const int BytesPerEvent = 56;
    private const int BytesPerTag = 32;

    // Hidden inputs and outputs are empty objects, as in the other SDKs.
    private static readonly JsonPayload Hidden = new("{}"u8.ToArray());

    private readonly Bytes _payload;
    private Bytes _outputs;

    // Of outputs that are not sent.
    private readonly JsonPayload? _hiddenUsage;
    private Bytes _inputs;

    internal RunOperation(RunSnapshot run, bool isCreate, ExportSettings settings)
    {
        IsCreate = isCreate;
        IsPostable = DottedOrder.IsPostable(run.DottedOrder);
        if (settings.HideInputs && run.InputsJson is not null)
            run = run with { InputsJson = Hidden };
        if (settings.HideOutputs && run.OutputsJson is { } outputs)
        {
            if (outputs.IsObject && Usage.TryFind(outputs.Utf8, out var usage))
                _hiddenUsage = new JsonPayload(usage.ToArray());
            run = run with { OutputsJson = Hidden };
        }

        if (settings.HideMetadata)
            run = run with { Metadata = RunContext.NoMetadata };
        // The payload of a new_token event is a token's text, an output. The other SDKs never send it.
        if (run.Events.Any(IsPayloadHidden))
            run = run with { Events = [.. run.Events.Select(item => IsPayloadHidden(item) ? item.WithoutPayload() : item)] };
        Run = run;
        _inputs = Bytes.Of(run.InputsJson);
        _outputs = Bytes.Of(run.OutputsJson);
        _payload = Bytes.Of(_hiddenUsage) + Bytes.Of(run.Error);
        foreach (var (key, value) in run.Metadata)
            _payload += Bytes.Of(key) + Bytes.Of(value);
        foreach (var item in run.Events)
            _payload += Bytes.Of(item.Name) + (item.Json is null ? new Bytes(BytesPerEvent, 0) : Bytes.Of(item.Json));
        foreach (var tag in run.Tags)
            _payload += Bytes.Of(tag) + new Bytes(BytesPerTag, 0);

        bool IsPayloadHidden(RunEvent item) => item.Json is not null && (settings.HideOutputs || item.Name == "new_token");
    }

    private RunOperation(RunOperation start, RunSnapshot run, bool isBare)
    {
        Run = run;
        Link = start.Link;
        IsPostable = true;
        IsBare = isBare;
        if (isBare)
            return;
        // Without the error, which is a constant.
        (_inputs, _payload) = (start._inputs, start._payload);
        _outputs = Bytes.Of(run.OutputsJson);
    }

    /// <summary>What is sent of the run.</summary>
    internal RunSnapshot Run { get; private set; }

    internal Guid Id => Run.Id;

    internal bool IsCreate { get; private set; }

    /// <summary>The order in which operations were queued. An operation that another was merged into keeps its place.</summary>
    internal long Sequence { get; set; }

    /// <summary>When it was queued, as <see cref="TimeProvider.GetTimestamp"/> returns it.</summary>
    internal long QueuedAt { get; set; }

    /// <summary>The activity the run was started in; default if there was none.</summary>
    internal ActivityContext Link { get; set; }

    /// <summary>Whether LangSmith accepts runs with such a dotted order.</summary>
    internal bool IsPostable { get; }

    /// <summary>Whether the payload was dropped: then metadata and tags stay as the start set them.</summary>
    internal bool IsBare { get; }

    /// <summary>
    /// How many starts and ends it counts as: two if an end was merged into its start, none if the exporter made it in place
    /// of an end that was dropped or did not come.
    /// </summary>
    internal int Weight { get; private set; } = 1;

    /// <summary>Whether it is an end that also sends a start that was counted as dropped.</summary>
    internal bool MakesUpForStart { get; set; }

    /// <summary>An estimate of its bytes, in memory or on the wire, whichever is more.</summary>
    internal long Size => Overhead + (2L * (Run.DottedOrder.Length + Run.Name.Length)) + _inputs.Held + _outputs.Held + _payload.Held;

    /// <summary>Finds the token counts, also of outputs that are not sent.</summary>
    internal bool TryGetUsage(out ReadOnlySpan<byte> usage)
    {
        usage = _hiddenUsage is null ? default : _hiddenUsage.Utf8;
        return !usage.IsEmpty || (Run.OutputsJson is { IsObject: true } outputs && Usage.TryFind(outputs.Utf8, out usage));
    }

    /// <summary>A lower bound of its bytes on the wire.</summary>
    internal long GetLeastBytes(bool isUpdate) => _payload.Wire + _outputs.Wire + (isUpdate && !Run.HasNewInputs ? 0 : _inputs.Wire);

    /// <summary>Leaves the inputs or the outputs out, whichever is larger, and says how large they were. The run is not lost for them.</summary>
    /// <returns>False if there is nothing to leave out.</returns>
    internal bool TryOmit()
    {
        var (inputs, outputs) = (_inputs.Wire, _outputs.Wire);
        if (Math.Max(inputs, outputs) < LeastOmitted)
            return false;
        var omitted = new JsonPayload(PayloadSerializer.Wrap("omitted"u8, PayloadSerializer.Serialize(string.Create(CultureInfo.InvariantCulture, $"{Math.Max(inputs, outputs) / 1_000_000.0:0.#} MB"))));
        if (outputs >= inputs)
            (Run, _outputs) = (Run with { OutputsJson = omitted }, Bytes.Of(omitted));
        else
            (Run, _inputs) = (Run with { InputsJson = omitted }, Bytes.Of(omitted));
        return true;
    }

    /// <summary>Makes it the update of a run whose start was sent. The inputs are sent again only if they changed.</summary>
    internal void BecomeUpdate()
    {
        IsCreate = false;
        if (Run.HasNewInputs || Run.InputsJson is null)
            return;
        Run = Run with { InputsJson = null };
        _inputs = default;
    }

    /// <summary>Makes it send the whole run, because the start was not sent.</summary>
    internal void BecomeCreate() => IsCreate = true;

    /// <summary>Takes the place of the run's start, which is still in the queue.</summary>
    internal void Replace(RunOperation start)
    {
        IsCreate = true;
        Link = start.Link;
        Sequence = start.Sequence;
        QueuedAt = start.QueuedAt;
        Weight += start.Weight;
    }

    /// <summary>Makes an end for a run that did not end itself.</summary>
    internal RunOperation Abandon(DateTimeOffset end, string error)
    {
        var run = Run with
        {
            EndTime = end < Run.StartTime ? Run.StartTime : end,
            Error = error,
            Events = [],
            OutputsJson = null,
            HasNewInputs = false,
        };
        return new(this, run, IsBare) { Weight = 0 };
    }

    /// <summary>Makes an end in place of one that was dropped and counted, so that the run does not stay open for ever.</summary>
    internal RunOperation CutShort(RunOperation end, string error) => Abandon(end.Run.EndTime!.Value, error);

    /// <summary>Makes a copy without payload: what an end needs of a start that was sent.</summary>
    internal RunOperation WithoutPayload()
    {
        var run = Run with
        {
            EndTime = null,
            Error = null,
            Events = [],
            Tags = [],
            Metadata = RunContext.NoMetadata,
            InputsJson = null,
            OutputsJson = null,
            HasNewInputs = false,
        };
        return new(this, run, isBare: true);
    }

    /// <summary>An estimate of the bytes in memory, and a lower bound of those on the wire.</summary>
    private readonly record struct Bytes(long Held, long Wire)
    {
        public static Bytes operator +(Bytes left, Bytes right) => new(left.Held + right.Held, left.Wire + right.Wire);

        internal static Bytes Of(string? text) => text is null ? default : new(2L * text.Length, text.Length);

        internal static Bytes Of(JsonPayload? json) => json is null ? default : new(json.Length + BytesPerPayload, json.Length);

        internal static Bytes Of(JsonElement json)
        {
            if (json.ValueKind == JsonValueKind.Undefined)
                return default;
            var length = RawJson.GetLength(json);
            return new(length + BytesPerElement + ((long)BytesPerValue * RawJson.CountValues(json)), length);
        }
    }
}
