namespace LangSmith.Http.Propagation;

/// <summary>
/// The grammar of <c>langsmith-trace</c>: <c>segment *("." segment)</c>, root first, where a segment is a UTC
/// timestamp <c>YYYYMMDDThhmmss</c> + fraction + <c>Z</c> followed by the run's id.
/// </summary>
internal static class DottedOrder
{
    /// <summary>
    /// The longest value read or written, in characters: common proxies refuse a header line over 8 KB. It is a
    /// depth of 138 runs.
    /// </summary>
    internal const int MaxLength = 8192;

    /// <summary>How far in the future a segment may lie before the header is disbelieved.</summary>
    internal static readonly TimeSpan MaxFuture = TimeSpan.FromHours(1);

    private const int IdLength = 36;
    private const int TimestampLength = 22;
    private const int SegmentLength = TimestampLength + IdLength;

    // "YYYYMMDDThhmmss" before the fraction.
    private const int SecondsLength = 15;

    // Python's strptime refuses more than six fraction digits and fails the request of the service that reads them,
    // and whatever we accept we also forward. JavaScript writes six, Python writes six.
    private const int MaxFractionDigits = 6;

    /// <summary>Reads a whole dotted order; see <see cref="Path"/> for what it yields.</summary>
    internal static ExtractResult TryParse(ReadOnlySpan<char> value, DateTimeOffset now, out Path path)
    {
        path = default;
        if (value.Length > MaxLength)
            return ExtractResult.TooLong;

        Guid? traceId = null;
        Guid? parentRunId = null;
        var rest = value;
        while (true)
        {
            var dot = rest.IndexOf('.');
            var segment = dot < 0 ? rest : rest[..dot];
            if (!TryParseSegment(segment, out var time, out var precision, out var runId))
                return ExtractResult.Malformed;
            // Subtracting cannot overflow, whatever the clock says.
            if (time - now.UtcDateTime > MaxFuture)
                return ExtractResult.Future;

            traceId ??= runId;
            if (dot < 0)
            {
                // "…123Z" sorts behind every "…123456Z": a child of a shorter fraction starts in the next unit of it.
                var earliestChild = precision == TimeSpan.TicksPerMicrosecond ? time : time.AddTicks(precision);
                path = new Path(traceId.Value, runId, parentRunId, earliestChild);
                return ExtractResult.Extracted;
            }

            parentRunId = runId;
            rest = rest[(dot + 1)..];
        }
    }

    /// <summary>Appends a run's segment to its parent's dotted order; a null parent makes a root.</summary>
    internal static string Append(string? parent, DateTime start, Guid id) =>
        string.Create((parent is null ? 0 : parent.Length + 1) + SegmentLength, (parent, start, id), static (span, state) =>
        {
            if (state.parent is { } parent)
            {
                parent.CopyTo(span);
                span[parent.Length] = '.';
                span = span[(parent.Length + 1)..];
            }

            WriteTimestamp(span, state.start);
            state.id.TryFormat(span[TimestampLength..], out _, "D");
        });

    /// <summary>
    /// Whether LangSmith accepts runs with this dotted order: no part is earlier than the one above it. Not every SDK ensures
    /// that. About timestamps in a form other than ours, the server decides.
    /// </summary>
    internal static bool IsPostable(ReadOnlySpan<char> value)
    {
        const int Step = SegmentLength + 1;
        if (value.Length % Step != SegmentLength)
            return true;
        for (var at = Step; at < value.Length; at += Step)
        {
            if (value[at - 1] != '.')
                return true;
            if (value.Slice(at, TimestampLength).SequenceCompareTo(value.Slice(at - Step, TimestampLength)) < 0)
                return false;
        }

        return true;
    }

    internal static bool TryParseSegment(ReadOnlySpan<char> segment, out DateTime time, out long precision, out Guid runId)
    {
        time = default;
        precision = TimeSpan.TicksPerMicrosecond;
        runId = default;
        var fractionDigits = segment.Length - SecondsLength - 1 - IdLength;
        if (fractionDigits is < 1 or > MaxFractionDigits)
            return false;

        var id = segment[^IdLength..];
        if (segment[8] != 'T' || segment[^(IdLength + 1)] != 'Z' || !IsHyphenatedHex(id)
            || !TryParseDigits(segment[..4], out var year)
            || !TryParseDigits(segment[4..6], out var month)
            || !TryParseDigits(segment[6..8], out var day)
            || !TryParseDigits(segment[9..11], out var hour)
            || !TryParseDigits(segment[11..13], out var minute)
            || !TryParseDigits(segment[13..15], out var second)
            || !TryParseDigits(segment.Slice(SecondsLength, fractionDigits), out var fraction))
            return false;
        if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month)
            || hour > 23 || minute > 59 || second > 59)
            return false;

        for (var digits = fractionDigits; digits < MaxFractionDigits; digits++)
            precision *= 10;
        time = new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc).AddTicks(fraction * precision);
        runId = Guid.ParseExact(id, "D");
        return true;
    }

    // Guid.TryParseExact("D") still accepts "0x" and "+" inside a group; the protocol does not.
    private static bool IsHyphenatedHex(ReadOnlySpan<char> id)
    {
        for (var i = 0; i < id.Length; i++)
        {
            var isValid = i is 8 or 13 or 18 or 23 ? id[i] == '-' : char.IsAsciiHexDigit(id[i]);
            if (!isValid)
                return false;
        }

        return true;
    }

    // int.TryParse accepts NULs behind the digits; they would be forwarded. At most six digits come here.
    private static bool TryParseDigits(ReadOnlySpan<char> digits, out int value)
    {
        value = 0;
        foreach (var digit in digits)
        {
            if (!char.IsAsciiDigit(digit))
                return false;
            value = (value * 10) + (digit - '0');
        }

        return true;
    }

    private static void WriteTimestamp(Span<char> span, DateTime time)
    {
        WriteDigits(span[..4], time.Year);
        WriteDigits(span[4..6], time.Month);
        WriteDigits(span[6..8], time.Day);
        span[8] = 'T';
        WriteDigits(span[9..11], time.Hour);
        WriteDigits(span[11..13], time.Minute);
        WriteDigits(span[13..15], time.Second);
        WriteDigits(span[15..21], (int)(time.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond));
        span[21] = 'Z';
    }

    private static void WriteDigits(Span<char> span, int value)
    {
        for (var i = span.Length - 1; i >= 0; i--, value /= 10)
            span[i] = (char)('0' + (value % 10));
    }

    /// <summary>What a dotted order says: the first id, the last, the last but one, and when a child may start.</summary>
    internal readonly record struct Path(Guid TraceId, Guid RunId, Guid? ParentRunId, DateTime EarliestChildStart);
}
