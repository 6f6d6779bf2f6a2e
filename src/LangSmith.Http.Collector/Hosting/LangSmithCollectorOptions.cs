namespace LangSmith.Http;

/// <summary>Sets how much a collector holds, and the port of a started one.</summary>
public sealed class LangSmithCollectorOptions
{
    /// <summary>How many runs are held; then the oldest trace is evicted.</summary>
    /// <value>Default: 100,000. At least 1.</value>
    public int MaxRuns { get; set; } = 100_000;

    /// <summary>About how many bytes the runs may take; then the oldest trace is evicted.</summary>
    /// <value>Default: 256 MiB. At least 64 KiB.</value>
    public long MaxBytes { get; set; } = 256L << 20;

    /// <summary>
    /// The largest request body, in bytes; larger ones are answered with 413. <c>GET /info</c> returns it as
    /// <c>size_limit_bytes</c>. Decompressed, a body may be four times as large.
    /// </summary>
    /// <value>Default: 20,971,520, as the SDKs assume of LangSmith. 1 KiB to 256 MiB.</value>
    public long MaxRequestBytes { get; set; } = 20_971_520;

    /// <summary>The port on 127.0.0.1 of a collector started with <see cref="LangSmithCollector.StartAsync"/>.</summary>
    /// <value>Default: 0, any free port.</value>
    public int Port { get; set; }

    internal void Validate()
    {
        Check(MaxRuns >= 1, nameof(MaxRuns), MaxRuns, "Hold at least 1 run.");
        Check(MaxBytes >= 65_536, nameof(MaxBytes), MaxBytes, "Hold at least 65536 bytes.");
        Check(MaxRequestBytes is >= 1024 and <= 1L << 28, nameof(MaxRequestBytes), MaxRequestBytes, "Give 1024 to 268435456 bytes.");
        Check(Port is >= 0 and <= 65535, nameof(Port), Port, "Give a port, or 0 for any free one.");
    }

    private static void Check(bool holds, string option, long value, string remedy)
    {
        if (!holds)
            throw new ArgumentException($"LangSmithCollectorOptions.{option} is {value}. {remedy}");
    }
}
