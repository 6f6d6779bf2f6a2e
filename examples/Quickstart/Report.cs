using LangSmith.Http;

namespace Quickstart;

/// <summary>Prints what happened. An id is shortened to its last four digits.</summary>
internal static class Report
{
    public static void Hops(IReadOnlyList<Tree> trees, IReadOnlyList<Hop> hops)
    {
        Console.WriteLine("Headers that crossed each hop (an id is its last four digits)");
        Console.WriteLine($"  {"from → to",-17}  {"request",-21}  try  answer  {RunContext.TraceHeaderName,-18}  {RunContext.BaggageHeaderName}, decoded");
        foreach (var hop in trees.SelectMany(tree => hops.Where(hop => hop.Topic == tree.Question.Topic)))
        {
            var request = $"{hop.Method,-4} {hop.Path}";
            var answer = hop.Status == 0 ? "" : $"{hop.Status}";
            var trace = string.Join(" › ", hop.Trace.ToString().Split('.').Select(ShortId));
            Console.WriteLine($"  {hop.From} → {hop.To,-7}  {request,-21}  {hop.Attempt,3}  {answer,6}  {trace,-18}  {Decode(hop.Baggage.ToString())}");
        }
    }

    public static void Trees(IReadOnlyList<Tree> trees)
    {
        foreach (var tree in trees)
        {
            Console.WriteLine();
            Console.WriteLine($"{tree.Question.Topic}: {tree.Question.Story}");
            for (var i = 0; i < tree.Runs.Count; i++)
            {
                var (service, run) = tree.Runs[i];
                var hasSibling = tree.Runs.Skip(i + 1).Any(later => later.Run.ParentRunId == run.ParentRunId);
                var depth = run.DottedOrder.Count(c => c == '.');
                var name = depth == 0 ? run.Name : $"{new string(' ', (depth - 1) * 3)}{(hasSibling ? '├' : '└')}─ {run.Name}";
                var duration = (run.EndTime - run.StartTime)?.TotalMilliseconds;
                var outcome = run.Error is null ? "✓" : $"✗ {ErrorType(run.Error)}";
                Console.WriteLine($"  {name,-22}  {service,-7}  {ShortId(run.Id.ToString())}  {duration,7:F1} ms  {outcome}");
            }

            Console.WriteLine($"  {(tree.Question.Fails ? "error:" : "answer:")} {tree.Answer}");
        }
    }

    public static void Checks(IReadOnlyList<Check> checks)
    {
        Console.WriteLine();
        foreach (var check in checks)
            Console.WriteLine(check.Holds ? $"✓ {check.What}" : $"✗ {check.What}; not so: {string.Join(", ", check.Broken)}");
    }

    private static string ShortId(string text) => text.Length < 4 ? text : text[^4..];

    // langsmith-metadata=%7B%22a%22%3A1%7D,langsmith-project=p  →  metadata={"a":1}  project=p
    private static string Decode(string baggage) =>
        string.Join("  ", baggage.Split(',').Select(member => Uri.UnescapeDataString(member.Replace("langsmith-", "", StringComparison.Ordinal))));

    // An error is recorded as "Namespace.Type: message", a blank line, the stack.
    private static string ErrorType(string error) => error.Split(':')[0].Split('.')[^1];
}
