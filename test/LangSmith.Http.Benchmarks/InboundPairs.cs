namespace LangSmith.Http.Benchmarks;

/// <summary>
/// The requests of <see cref="InboundRequestBenchmarks"/> in turns, one to a server without the middleware and one to a
/// server with it. For <c>dotnet run -c Release -- pairs</c>.
/// </summary>
internal static class InboundPairs
{
    private const int Count = 100_000;

    internal static void Run()
    {
        Pairs.PrintHeader();
        Run("no headers, against itself", static server => server.SetUpPlain(), static server => server.SetUpPlain());
        Run("no headers", static server => server.SetUpPlain(), static server => server.SetUpNoHeaders());
        Run("a caller's headers, trusted", static server => server.SetUpPlainHeaders(), static server => server.SetUpTrusted());
        Run("a caller's headers, not trusted", static server => server.SetUpPlainHeaders(), static server => server.SetUpUntrusted());
    }

    private static void Run(string name, Action<InboundRequestBenchmarks> setUpWithout, Action<InboundRequestBenchmarks> setUpWith)
    {
        var (without, with) = (new InboundRequestBenchmarks(), new InboundRequestBenchmarks());
        setUpWithout(without);
        setUpWith(with);
        Pairs.Measure(Count, without.Plain, with.Plain);
        Pairs.Measure(Count, without.Plain, with.Plain).Print(name);
        without.CleanUp();
        with.CleanUp();
    }
}
