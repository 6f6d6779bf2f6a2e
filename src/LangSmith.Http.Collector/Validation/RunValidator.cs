using System.Buffers.Binary;
using LangSmith.Http.Collector.Model;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Collector.Validation;

/// <summary>
/// Checks one run. Throws for what LangSmith refuses, as public issues of the SDKs quote it. Warns about what LangSmith
/// accepts and shows incomplete or in the wrong place.
/// </summary>
internal static class RunValidator
{
    // The last instant of the year 9999.
    private const long MaxMilliseconds = 253_402_300_799_999;

    // Python computes an id's time from a float: a millisecond early for every third start.
    private static readonly TimeSpan IdTolerance = TimeSpan.FromMilliseconds(1);

    // Python's trace block makes the id before it reads the clock; a busy machine takes a while between the two.
    private static readonly TimeSpan MaxIdHeadStart = TimeSpan.FromSeconds(1);

    /// <summary>Throws if LangSmith would refuse the run.</summary>
    /// <exception cref="RefusedException">LangSmith would refuse the run.</exception>
    internal static void Check(RunWrite write, bool isAlone)
    {
        var (run, isCreate) = (write.Run, write.IsCreate);
        // A single POST or PATCH may leave them out.
        if (isAlone && write.TraceId is null && write.DottedOrder is null)
            return;
        if (write.TraceId is not { } traceId)
            throw Refuse("trace_id_missing", isAlone
                ? "has a dotted_order, but no trace_id: give both, or neither."
                : "has no trace_id: every run of a batch needs the id of its trace's root run.");
        if (write.DottedOrder is not { } dottedOrder)
            throw Refuse("dotted_order_missing", isAlone
                ? "has a trace_id, but no dotted_order: give both, or neither."
                : "has no dotted_order: every run of a batch needs its path from the root run.");

        var path = ReadPath(run.Id, dottedOrder);
        if (path.Malformed is { } part)
            throw Refuse("dotted_order_grammar", $"has a dotted_order whose part {path.Parts} is '{part}'."
                + " A part is YYYYMMDDThhmmssffffffZ, in UTC with exactly six fraction digits, followed by the run's id.");
        if (path.Last != run.Id)
            throw Refuse("dotted_order_run_id", $"has a dotted_order that ends with run {path.Last}."
                + $" The last part must be of the run itself, {run.Id}.");
        if (path.First != traceId)
            throw Refuse("dotted_order_trace_id", $"has a dotted_order that begins with run {path.First}, but the trace_id {traceId}."
                + " Both must be the root run's id.");
        if (path.IsCycle)
            throw Refuse("dotted_order_cycle", "is in its dotted_order twice: a run cannot be below itself.");
        // An update need not repeat the parent.
        if (run.ParentRunId is null && path.Parts > 1 && isCreate)
            throw Refuse("dotted_order_root_parts", $"has no parent_run_id, but a dotted_order of {path.Parts} parts."
                + $" It must contain a single part for root runs; a child of this path has the parent_run_id {path.Parent}.");
        if (run.ParentRunId is not null && path.Parts == 1)
            throw Refuse("dotted_order_child_parts", $"has the parent_run_id {run.ParentRunId}, but a dotted_order of one part."
                + " It must contain at least two parts for child runs: the parent's dotted_order, a dot, and the run's own part.");
        if (run.ParentRunId is { } parent && path.Parent != parent)
            throw Refuse("dotted_order_parent_id", $"has the parent_run_id {parent}, but its dotted_order goes on from run {path.Parent}."
                + " The last part but one must be the parent's.");
        if (path.Backwards is var (child, before))
            throw Refuse("dotted_order_time",
                $"has a dotted_order with timestamp {RawJson.FormatTime(child)} earlier than parent timestamp"
                + $" {RawJson.FormatTime(before)}. The clock of its service is slow: start it no earlier than its parent.");

        RefusedException Refuse(string code, string message) => new(new Refusal(code, $"{RunLabel.Of(write.Name, run.Id)} {message}")
        {
            TraceId = write.TraceId,
            RunId = run.Id,
            RunName = RunLabel.Shorten(write.Name),
        });
    }

    /// <summary>Finds what LangSmith accepts and shows wrongly.</summary>
    internal static IEnumerable<(string Code, string Message)> Warnings(RunRecord record)
    {
        var run = record.Run;
        if (record.Missing is { Length: > 0 } missing)
            yield return ("field_missing", $"{record.Label} was posted without {missing}. LangSmith cannot show it without.");
        if (record.IsDuplicate)
            yield return ("run_duplicate", $"{record.Label} was posted twice with the id {run.Id}, and differently."
                + " The later post stays: give every run an id of its own.");
        if (!TryReadTime(run.Id, out var made))
            yield return ("id_not_v7", $"{record.Label} has the id {run.Id}, which is no UUIDv7."
                + " LangSmith lists runs by the time in their ids: make them UUIDv7s of the start time.");
        else if (record.GivenStartTime is { } start && Milliseconds(start) - made is var late
            && (late < -IdTolerance || late > MaxIdHeadStart))
            yield return ("id_time", $"{record.Label} starts at {RawJson.FormatTime(start.UtcDateTime)}, but its id was made for "
                + $"{RawJson.FormatTime(made.UtcDateTime)}. LangSmith lists runs by the time in their ids: make them of the start time.");

        if (record.GivenStartTime is { } given && TryReadStart(run.DottedOrder, out var written)
            && (given.UtcDateTime - written).Duration() > IdTolerance)
            yield return ("start_time", $"{record.Label} starts at {RawJson.FormatTime(given.UtcDateTime)}, but its dotted_order says "
                + $"{RawJson.FormatTime(written)}. Write both from one reading of the clock.");
    }

    /// <summary>Reads when a run started from its own part of its dotted order.</summary>
    internal static bool TryReadStart(string dottedOrder, out DateTime start) =>
        DottedOrder.TryParseSegment(dottedOrder.AsSpan(dottedOrder.LastIndexOf('.') + 1), out start, out _, out _);

    private static Path ReadPath(Guid runId, string dottedOrder)
    {
        var path = default(Path);
        var time = DateTime.MinValue;
        var rest = dottedOrder.AsSpan();
        for (var dot = 0; dot >= 0; rest = rest[(dot + 1)..])
        {
            dot = rest.IndexOf('.');
            var part = dot < 0 ? rest : rest[..dot];
            path.Parts++;
            // The SDKs write microseconds; LangSmith was seen to refuse more digits.
            if (!DottedOrder.TryParseSegment(part, out var start, out var precision, out var id)
                || precision != TimeSpan.TicksPerMicrosecond)
            {
                path.Malformed = RunLabel.Shorten(part);
                return path;
            }

            if (path.Parts == 1)
                path.First = id;
            if (start < time)
                path.Backwards ??= (start, time);
            path.IsCycle |= id == runId && dot >= 0;
            (path.Parent, path.Last, time) = (path.Last, id, start);
        }

        return path;
    }

    private static bool TryReadTime(Guid id, out DateTimeOffset time)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        time = DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(BinaryPrimitives.ReadInt64BigEndian(bytes) >>> 16, MaxMilliseconds));
        return bytes[6] >> 4 == 7;
    }

    private static DateTimeOffset Milliseconds(DateTimeOffset time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMillisecond));

    private struct Path
    {
        internal int Parts;
        internal string? Malformed;
        internal Guid First;
        internal Guid Parent;
        internal Guid Last;
        internal bool IsCycle;
        internal (DateTime Child, DateTime Parent)? Backwards;
    }
}
