using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LangSmith.Http.Benchmarks;

/// <summary>
/// The time the current thread had a core. On a machine that does other things too it is steadier than the clock, which stands in for
/// it where there is no Linux.
/// </summary>
internal static partial class ThreadTime
{
    private const int ClockThreadCpuTime = 3;

    internal static TimeSpan Now
    {
        get
        {
            if (!OperatingSystem.IsLinux() || GetTime(ClockThreadCpuTime, out var time) != 0)
                return Stopwatch.GetElapsedTime(0);
            return TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromTicks(time.Nanoseconds / TimeSpan.NanosecondsPerTick);
        }
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        internal nint Seconds;
        internal nint Nanoseconds;
    }
}
