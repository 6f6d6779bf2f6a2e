using System.Buffers.Binary;
using System.Globalization;

namespace LangSmith.Http;

/// <summary>
/// What can be said about a run alone. Refusals are those public issues of the SDKs quote from LangSmith; the rest it
/// takes, and something will be missing or in the wrong place.
/// </summary>
internal static class RunValidator
{
    // Python makes an id's time of a float: a millisecond early for every third start.
    private static readonly TimeSpan IdTolerance = TimeSpan.FromMilliseconds(1);

    /// <summary>Refuses a run LangSmith would refuse.</summary>
    /// <exception cref="IngestException">It is refused.</exception>
    internal static void Check(RunWrite run, bool isAlone)
    {
        // A single POST or PATCH may leave them out.
        if (isAlone && run.TraceId is null && run.DottedOrder is null)
            return;
        if (run.TraceId is not { } traceId)
            throw Refuse(run, "trace_id_missing", "has no trace_id. Batches need it.");
        if (run.DottedOrder is not { } dottedOrder)
            throw Refuse(run, "dotted_order_missing", "has no dotted_order. Batches need it.");

        var segments = Segments(run, dottedOrder);
        var (_, last) = segments[^1];
        if (last != run.Id)
            throw Refuse(run, "dotted_order_run_id", $"has a dotted_order that ends with run {last} instead of its own id.");
        if (segments[0].Id != traceId)
            throw Refuse(run, "dotted_order_trace_id", $"has a dotted_order that begins with {segments[0].Id}, but is in trace {traceId}.");
        if (run.ParentRunId is null && segments.Count > 1 && run.IsCreate)
            throw Refuse(run, "dotted_order_root_parts", $"has no parent_run_id, and a dotted_order of {segments.Count} parts. It must contain a single part for root runs.");
        if (run.ParentRunId is not null && segments.Count == 1)
            throw Refuse(run, "dotted_order_child_parts", "has a parent_run_id, and a dotted_order of one part. It must contain at least two parts for child runs.");
        if (run.ParentRunId is { } parent && segments[^2].Id != parent)
            throw Refuse(run, "dotted_order_parent_id", $"has parent {parent}, but its dotted_order goes on from run {segments[^2].Id}.");
        for (var i = 1; i < segments.Count; i++)
        {
            if (segments[i].Time < segments[i - 1].Time)
                throw Refuse(run, "dotted_order_time", $"has a dotted_order with a timestamp {Text(segments[i].Time)} earlier than the parent's timestamp {Text(segments[i - 1].Time)}: the child's clock is behind. Start it with its parent's segment.");
        }
    }

    /// <summary>What LangSmith takes, and is wrong all the same.</summary>
    internal static IEnumerable<(string Code, string Message)> Warnings(RunWrite run)
    {
        if (!run.IsCreate)
            yield break;
        if (run.Id.ToString()[14] != '7')
            yield return ("id_not_v7", $"{Name(run)} has id {run.Id}, which is no UUIDv7. Runs are listed by the time in their ids.");
        else if (run.StartTime is { } start && (start - TimeOf(run.Id)) is var difference && (difference < -IdTolerance || difference > 2 * IdTolerance))
            yield return ("id_time", $"{Name(run)} starts at {Text(start.UtcDateTime)}, but its id was made for {Text(TimeOf(run.Id).UtcDateTime)}.");

        if (run.StartTime is { } given && run.DottedOrder is { Length: >= 58 } order
            && DottedOrder.TryParseSegment(order.AsSpan(order.LastIndexOf('.') + 1), out var segment, out _, out _)
            && (given.UtcDateTime - segment).Duration() > IdTolerance)
            yield return ("start_time", $"{Name(run)} starts at {Text(given.UtcDateTime)}, but at {Text(segment)} in its dotted_order.");
    }

    internal static string Name(RunWrite run) => run.Name is { Length: > 0 } name ? $"'{name}'" : $"Run {run.Id}";

    private static List<(DateTime Time, Guid Id)> Segments(RunWrite run, string dottedOrder)
    {
        var segments = new List<(DateTime, Guid)>();
        foreach (var part in dottedOrder.Split('.'))
        {
            // Microseconds are what the SDKs write; what has more was seen to be refused.
            if (!DottedOrder.TryParseSegment(part, out var time, out var precision, out var id) || precision != TimeSpan.TicksPerMicrosecond)
            {
                throw Refuse(run, "dotted_order_grammar",
                    $"has a dotted_order whose part {segments.Count + 1} is '{(part.Length <= 80 ? part : part[..80] + "…")}'. A part is YYYYMMDDThhmmssffffffZ, in UTC with exactly six fraction digits, and the run's id.");
            }

            segments.Add((time, id));
        }

        return segments;
    }

    private static DateTimeOffset TimeOf(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(bytes) >> 16);
    }

    private static string Text(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private static IngestException Refuse(RunWrite run, string code, string message) =>
        new(IngestException.StatusCodes.BadRequest, code, $"{Name(run)} {message}") { Run = run };
}
