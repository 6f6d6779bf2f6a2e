using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using LangSmith.Http.Interop.Tests;

namespace LangSmith.Http.Benchmarks;

/// <summary>
/// The exporter and the JavaScript SDK post the same runs to the same server, each in a process of its own, in turns: runs
/// per second, and memory. For <c>dotnet run -c Release -- export [runs [runs to warm up]]</c>; it needs Node.js, and Linux
/// for the memory.
/// </summary>
internal static class ExportThroughput
{
    private const int Rounds = 3;
    private const int DefaultRuns = 50_000;
    private const int DefaultWarmUpRuns = 2_000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    internal static async Task<int> RunAsync(string[] args)
    {
        var runs = Count(0, DefaultRuns);
        var warmUpRuns = Count(1, DefaultWarmUpRuns);
        var texts = CreateTexts();
        try
        {
            await NodePackages.InstallAsync();
            Console.WriteLine("| server | SDK | runs/s | ratio | peak memory | ratio | before the first run | CPU | requests | bytes sent |");
            Console.WriteLine("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");
            await CompareAsync(takesGzip: false, texts, runs, warmUpRuns);
            await CompareAsync(takesGzip: true, texts, runs, warmUpRuns);
            Console.WriteLine();
            Console.WriteLine($"{runs} runs after {warmUpRuns} to warm up; the median of {Rounds} processes. Requests and bytes are those of all runs.");
            return 0;
        }
        catch (Win32Exception exception)
        {
            await Console.Error.WriteLineAsync($"Node.js and npm are needed to run the JavaScript SDK: {exception.Message}");
        }
        catch (InvalidDataException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
        }

        return 1;

        // Whole traces.
        int Count(int index, int otherwise) =>
            index < args.Length ? int.Parse(args[index], CultureInfo.InvariantCulture) / ExportChild.RunsPerTrace * ExportChild.RunsPerTrace : otherwise;
    }

    private static async Task CompareAsync(bool takesGzip, string[] texts, int runs, int warmUpRuns)
    {
        string[] counts = [$"{runs}", $"{warmUpRuns}"];
        var (ours, theirs) = (new List<Measured>(), new List<Measured>());
        for (var round = 0; round < Rounds; round++)
        {
            ours.Add(await MeasureAsync(new ProcessStartInfo(Environment.ProcessPath!, [ExportChild.Argument, .. counts]), takesGzip, texts, runs + warmUpRuns));
            theirs.Add(await MeasureAsync(new ProcessStartInfo("node", ["export.mjs", .. counts]) { WorkingDirectory = NodePackages.Folder }, takesGzip, texts, runs + warmUpRuns));
        }

        var (dotnet, javaScript) = (Median(ours), Median(theirs));
        Print("JavaScript", javaScript);
        Print("LangSmith.Http", dotnet);

        void Print(string sdk, Measured measured)
        {
            var (child, requests, bytes) = measured;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {(takesGzip ? "gzip" : "plain")} | {sdk} | {runs / child.Seconds:N0} | {javaScript.Child.Seconds / child.Seconds:F1} | {child.PeakKiB / 1024} MiB | {(double)child.PeakKiB / javaScript.Child.PeakKiB:F2} | {child.BaseKiB / 1024} MiB | {child.CpuSeconds:F1} s | {requests:N0} | {bytes >> 20} MiB |"));
        }
    }

    private static Measured Median(List<Measured> measured) => measured.OrderBy(static one => one.Child.Seconds).ElementAt(Rounds / 2);

    private static async Task<Measured> MeasureAsync(ProcessStartInfo start, bool takesGzip, string[] texts, int runs)
    {
        // What the last one left is not to be collected while this one is measured.
        GC.Collect();
        await using var server = await ExportServer.StartAsync(takesGzip);
        var serverCpu = Environment.CpuUsage.TotalTime;
        var child = await RunAsync(start, server.Endpoint, texts);
        await Console.Error.WriteLineAsync($"{Path.GetFileName(start.FileName)}: {child}; the server computed {(Environment.CpuUsage.TotalTime - serverCpu).TotalSeconds:F1} s");
        if (child.Dropped > 0)
            throw new InvalidDataException($"{child.Dropped} starts and ends of runs were dropped.");
        var measured = new Measured(child, server.Requests, server.Bytes);
        await server.VerifyAsync(texts, runs);
        return measured;
    }

    private static async Task<ExportChildResult> RunAsync(ProcessStartInfo start, Uri endpoint, string[] texts)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        // Whoever measures may have an account, and a proxy.
        foreach (var name in start.Environment.Keys.Where(static name => name.Split('_') is ["LANGSMITH" or "LANGCHAIN" or "OTEL", ..] or [.., "PROXY" or "proxy"]).ToList())
            start.Environment.Remove(name);
        start.Environment["LANGSMITH_TRACING"] = "true";
        start.Environment["LANGSMITH_ENDPOINT"] = endpoint.ToString();
        start.Environment["LANGSMITH_API_KEY"] = "none";
        start.Environment["NODE_ENV"] = "production";
        using var process = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(Patience);
        try
        {
            await JsonSerializer.SerializeAsync(process.StandardInput.BaseStream, texts, cancellationToken: deadline.Token);
            process.StandardInput.Close();
            var output = await process.StandardOutput.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            return process.ExitCode == 0
                ? JsonSerializer.Deserialize<ExportChildResult>(output, JsonSerializerOptions.Web)!
                : throw new InvalidDataException($"{start.FileName} ended with {process.ExitCode}.");
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }

    // Of about 480 bytes each, more of them than gzip can look back.
    private static string[] CreateTexts()
    {
        var random = new Random(1);
        var words = """
            the a of to and in is it for that with as on this from by be are which you we can will not have one context answer question
            model document retrieved token prompt customer order invoice delivery refund Tuesday Zürich naïve café señor façade größer
            Привет ответ вопрос 日本語 質問 回答 中文 한국어 مرحبا 🎉 👩‍💻 ✓ € 42 3.14 "quoted" don't (see below), please: however; thanks!
            """.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return [.. Enumerable.Range(0, 2_000).Select(_ => CreateText())];

        string CreateText()
        {
            var text = new StringBuilder();
            for (var bytes = 0; bytes < 480;)
            {
                var word = words[random.Next(words.Length)];
                text.Append(word).Append(' ');
                bytes += Encoding.UTF8.GetByteCount(word) + 1;
            }

            return text.ToString();
        }
    }

    private sealed record Measured(ExportChildResult Child, int Requests, long Bytes);
}
