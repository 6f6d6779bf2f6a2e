namespace GatewayExample;

/// <summary>Prints what happened.</summary>
internal static class Report
{
    public static void Print(Exchange exchange)
    {
        Console.WriteLine();
        Console.WriteLine($"{exchange.Caller.Topic}: {exchange.Caller.Story}");
        Print("sent to the gateway", exchange.Caller.Headers.Select(header => $"{header.Key}: {header.Value}").Prepend($"GET /answers/{exchange.Caller.Topic}"));
        Print("what the gateway's middleware leaves of it", exchange.Left);
        Print("received by the internal service", exchange.Received);
        Print("recorded", $"{exchange.Trace}".TrimEnd().Split('\n'));
        Console.WriteLine($"  answered: {exchange.Answer}");
    }

    public static void Print(IEnumerable<Check> checks)
    {
        Console.WriteLine();
        foreach (var check in checks)
            Console.WriteLine(check.Holds ? $"✓ {check.What}" : $"✗ {check.What}; not so: {string.Join(", ", check.Broken)}");
    }

    private static void Print(string what, IEnumerable<string> lines) =>
        Console.WriteLine(string.Join("\n    ", lines.Prepend($"  {what}")));
}
