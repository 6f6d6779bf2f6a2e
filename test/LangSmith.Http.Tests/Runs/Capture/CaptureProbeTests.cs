using System.Collections;
using System.Text.Json;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>Counts the getters, enumerators and factories that run while a value is captured.</summary>
[TestFixture]
public class CaptureProbeTests
{
    private static readonly string[] Getters = ["Field", "Items", "Lazy", "Maps", "Number", "Object", "Text", "Throws"];

    private static IEnumerable<TestCaseData> Holders()
    {
        (string Name, Func<Probe, object> Hold)[] holders =
        [
            ("itself", static probe => probe),
            ("anonymous object", static probe => new { q = "kept", probe }),
            ("list", static probe => new List<Probe> { probe }),
            ("list of objects", static probe => new List<object> { 1, probe }),
            ("array", static probe => new[] { probe }),
            ("dictionary", static probe => new Dictionary<string, object> { ["probe"] = probe }),
            ("typed dictionary", static probe => new Dictionary<int, Probe> { [1] = probe }),
            ("tuple", static probe => (probe, 1)),
            ("queue", static probe => new Queue<Probe>([probe])),
            ("created Lazy", static probe => new Lazy<Probe>(probe)),
            ("before what does not fit", static probe => new { probe, text = new string('x', 5_000_000) }),
            ("after what does not fit", static probe => new { text = new string('x', 5_000_000), probe }),
            ("as an interface", static probe => new { probe = (IProbe)probe }),
        ];
        (string Name, JsonSerializerOptions Options)[] all =
        [
            ("default", PayloadSerializer.DefaultOptions),
            ("user's", PayloadSerializer.WithResolver(new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.CamelCase })),
            ("fields", PayloadSerializer.WithResolver(new JsonSerializerOptions { IncludeFields = true, WriteIndented = true })),
        ];
        return from holder in holders
               from options in all
               from bytes in new[] { 16 * 1024, PayloadSerializer.DefaultMaxBytes }
               select new TestCaseData(holder.Hold, options.Options, bytes).SetArgDisplayNames(holder.Name, options.Name, $"{bytes}");
    }

    [TestCaseSource(nameof(Holders))]
    public void Probe_HeldByAValue_IsReadOnceAndRunsNothing(object hold, JsonSerializerOptions options, int maxBytes)
    {
        var probe = new Probe();

        var captured = CaptureBed.CaptureOf(((Func<Probe, object>)hold)(probe), options, maxBytes);

        Assert.Multiple(() =>
        {
            Assert.That(probe.Runs, Is.Empty);
            Assert.That(probe.Reads.Values, Has.All.EqualTo(1));
            Assert.That(probe.Reads.Keys, Is.SubsetOf(Getters));
            Assert.That(captured.Json, Has.Length.LessThanOrEqualTo(maxBytes + CaptureBed.Mark));
            Assert.That(() => CaptureBed.CountValues(captured.Json), Throws.Nothing);
        });
    }

    [Test]
    public void Probe_WithTheDefaultOptions_IsReadInEachGetter()
    {
        var probe = new Probe();

        CaptureBed.CaptureOf(probe);

        Assert.That(probe.Reads.Keys, Is.EquivalentTo(Getters));
    }

    private interface IProbe
    {
        int Number { get; }
    }

    private sealed class Probe : IProbe
    {
        internal Dictionary<string, int> Reads { get; } = [];

        internal List<string> Runs { get; } = [];

        public int Number => Read(nameof(Number), 1);

        public string Text => Read(nameof(Text), new string('t', 20_000));

        public object Object => Read(nameof(Object), new Hostile(Runs));

        public IEnumerable<int> Items => Read(nameof(Items), Iterate("Items"));

        public IReadOnlyDictionary<string, IEnumerable<int>> Maps => Read(
            nameof(Maps), new Dictionary<string, IEnumerable<int>> { ["a"] = Iterate("Maps") });

        public Lazy<int> Lazy => Read(nameof(Lazy), new Lazy<int>(() =>
        {
            Runs.Add("factory");
            return 1;
        }));

        public Func<int> Field => Read<Func<int>>(nameof(Field), () =>
        {
            Runs.Add("delegate");
            return 1;
        });

        public int Throws => Read(nameof(Throws), 0) == 0 ? throw new InvalidOperationException() : 0;

        private T Read<T>(string name, T value)
        {
            Reads[name] = Reads.GetValueOrDefault(name) + 1;
            return value;
        }

        private IEnumerable<int> Iterate(string name)
        {
            Runs.Add(name);
            yield return 1;
        }
    }

    // None of it is for the serializer to call.
    private sealed class Hostile(List<string> runs) : IEnumerable<int>, IDisposable, IAsyncDisposable, IEquatable<Hostile>, IFormattable
    {
        public IEnumerator<int> GetEnumerator()
        {
            runs.Add("GetEnumerator");
            yield break;
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public void Dispose() => runs.Add("Dispose");

        public ValueTask DisposeAsync()
        {
            runs.Add("DisposeAsync");
            return default;
        }

        public bool Equals(Hostile? other) => Run("Equals");

        public override bool Equals(object? obj) => Run("Equals");

        public override int GetHashCode() => Run("GetHashCode") ? 1 : 0;

        public override string ToString() => $"{Run("ToString")}";

        public string ToString(string? format, IFormatProvider? formatProvider) => $"{Run("ToString")}";

        private bool Run(string name)
        {
            runs.Add(name);
            return true;
        }
    }
}
