using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Text;

namespace LangSmith.Http.Diagnostics;

/// <summary>
/// A counter with one tag, whose values are the members of an enum in snake case: <c>TargetNotAllowed</c> is counted as
/// <c>target_not_allowed</c>.
/// </summary>
internal sealed class ReasonCounter<TReason>(string name, string unit, string description, string tag = "reason")
    where TReason : struct, Enum
{
    // Indexed by the enum's value, so each enum is numbered from 0 without gaps.
    private static readonly string[] Names = [.. Enum.GetNames<TReason>().Select(ToSnakeCase)];

    private readonly Counter<long> _counter = Telemetry.Meter.CreateCounter<long>(name, unit, description);

    internal static string Name(TReason reason) => Names[Unsafe.BitCast<TReason, int>(reason)];

    internal void Add(TReason reason, long count = 1)
    {
        if (_counter.Enabled)
            Telemetry.Add(_counter, count, tag, Name(reason));
    }

    private static string ToSnakeCase(string name)
    {
        var text = new StringBuilder();
        foreach (var c in name)
        {
            if (char.IsAsciiLetterUpper(c) && text.Length > 0)
                text.Append('_');
            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}
