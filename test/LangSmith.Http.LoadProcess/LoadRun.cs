using System.Globalization;
using System.Text.Json;

namespace LangSmith.Http.LoadProcess;

/// <summary>A run of the load. All it says follows from its number, so that whoever receives it can check it.</summary>
internal static class LoadRun
{
    internal const int RunsOfATrace = 10;

    /// <summary>Added when the run ends: one that was stored without its end lacks it, and the outputs.</summary>
    internal const string LateTag = "spät";

    // About 70 bytes, and whatever has to be escaped somewhere.
    private const string Words = "Grüße aus 東京, \"ça va\"?\r\n<b>50 %</b> & 🌍\t\\ \u2028 ";

    internal static string Name(int number) => string.Create(CultureInfo.InvariantCulture, $"run {number}");

    internal static int Number(string name) => int.Parse(name.AsSpan("run ".Length), CultureInfo.InvariantCulture);

    /// <summary>A root, eight children, and a child of the last of them.</summary>
    internal static int? Parent(int number) => (number % RunsOfATrace) switch
    {
        0 => null,
        RunsOfATrace - 1 => number - 1,
        var place => number - place,
    };

    internal static Dictionary<string, object?> Inputs(int number) => new() { ["question"] = Text(number, 1), ["number"] = number };

    internal static Dictionary<string, object?> Outputs(int number) => new() { ["answer"] = Text(number, 7), ["half"] = number / 2.0 };

    /// <summary>What the run adds; the thread is the root's alone, and inherited.</summary>
    internal static Dictionary<string, object?> Metadata(int number) => Parent(number) is null
        ? new() { ["note"] = $"note {number} é", ["thread_id"] = Thread(number) }
        : new() { ["note"] = $"note {number} é" };

    internal static string[] Tags(int number) => [$"tag {number % 7}", "größe"];

    /// <summary>What is to arrive.</summary>
    internal static string Describe(int number, bool isEnded) => Describe(
        Name(number),
        Inputs(number),
        isEnded ? Outputs(number) : null,
        new Dictionary<string, object?>(Metadata(number)) { ["thread_id"] = Thread(number) },
        isEnded ? [.. Tags(number), LateTag] : Tags(number));

    internal static string Describe<TValue>(string name, object? inputs, object? outputs, IEnumerable<KeyValuePair<string, TValue>> metadata, IEnumerable<string> tags) =>
        JsonSerializer.Serialize(new { name, inputs, outputs, metadata = metadata.OrderBy(static pair => pair.Key, StringComparer.Ordinal), tags });

    private static string Thread(int number) => $"thread {number / RunsOfATrace}";

    // 100 to 500 bytes.
    private static string Text(int number, int salt) => string.Concat(Enumerable.Repeat(Words, 1 + (int)((uint)(number * salt) * 2654435761 % 7))) + number;
}
