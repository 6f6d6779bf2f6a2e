using LangSmith.Http;

namespace Quickstart;

/// <summary>Prints what happened.</summary>
internal static class Report
{
    public static void Hops(IReadOnlyList<Outcome> outcomes, IReadOnlyList<Hop> hops)
    {
        Console.WriteLine("Headers that crossed each hop (an id is its last four digits)");
        Console.WriteLine($"  {"from → to",-17}  {"request",-21}  try  answer  {RunContext.TraceHeaderName,-18}  {RunContext.BaggageHeaderName}, decoded");
        foreach (var hop in outcomes.SelectMany(outcome => hops.Where(hop => hop.Topic == outcome.Question.Topic)))
        {
            var request = $"{hop.Method,-4} {hop.Path}";
            var answer = hop.Status == 0 ? "" : $"{hop.Status}";
            var trace = string.Join(" › ", hop.Trace.ToString().Split('.').Select(ShortId));
            Console.WriteLine($"  {hop.From} → {hop.To,-7}  {request,-21}  {hop.Attempt,3}  {answer,6}  {trace,-18}  {Decode(hop.Baggage.ToString())}");
        }
    }

    public static void Traces(IReadOnlyList<Outcome> outcomes)
    {
        foreach (var outcome in outcomes)
        {
            Console.WriteLine();
            Console.WriteLine($"{outcome.Question.Topic}: {outcome.Question.Story}");
            Console.Write(string.Concat(outcome.Traces));
            Console.WriteLine($"{(outcome.Question.Fails ? "error:" : "answer:")} {outcome.Answer}");
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
}
