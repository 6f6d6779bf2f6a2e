using System.Collections.Frozen;

namespace LangSmith.Http.Tests.Propagation;

/// <summary>The worst that users can put into a run.</summary>
public class HostileEncodeTests
{
    // Not [TestCase]: attributes are stored as UTF-8, which has no lone surrogates.
    private static readonly TestCaseData<string, string>[] HostileTexts =
    [
        new("a\r\nX-Injected: 1", "a\r\nX-Injected: 1") { TestName = "line break" },
        new("nul\0inside", "nul\0inside") { TestName = "NUL" },
        new("emoji 😀 é 中", "emoji 😀 é 中") { TestName = "emoji" },
        new("lone \ud800 surrogate", "lone \ufffd surrogate") { TestName = "lone high surrogate" },
        new("\udc00", "\ufffd") { TestName = "lone low surrogate" },
        new("a, b=c;d \"e\" %41 +", "a, b=c;d \"e\" %41 +") { TestName = "everything a parser splits at" },
        new(" \t ", " \t ") { TestName = "blanks" },
        new("\u007f\u0085\u2028\ufeff\uffff", "\u007f\u0085\u2028\ufeff\uffff") { TestName = "invisible characters" },
    ];

    [TestCaseSource(nameof(HostileTexts))]
    public void ToHeaders_HostileText_TravelsAsData(string text, string arrives)
    {
        var context = Context(text, null, [], new() { [text] = text, ["nested"] = new Dictionary<string, object?> { [text] = new[] { text } } });

        var headers = context.ToHeaders();
        var received = RunContext.FromHeaders(headers)!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(headers.Values, Has.All.Matches<string>(Limits.IsCleanLine));
            Assert.That(WireText.Decode(headers["baggage"]).Keys, Is.EqualTo(new[] { "langsmith-metadata", "langsmith-project" }));
            Assert.That(received.Project, Is.EqualTo(arrives));
            Assert.That(received.Metadata[arrives].GetString(), Is.EqualTo(arrives));
            Assert.That(received.Metadata["nested"].GetProperty(arrives)[0].GetString(), Is.EqualTo(arrives));
        }
    }

    [TestCase("a\r\nX-Injected: 1")]
    [TestCase("nul\0inside")]
    [TestCase("😀")]
    public void ToHeaders_HostileTag_TravelsAsData(string tag) =>
        Assert.That(RunContext.FromHeaders(Context("p", null, [tag], []).ToHeaders())!.Tags, Is.EqualTo(new[] { tag }));

    [Test]
    public void ToHeaders_TagsWithCommas_ArriveAsSeveral() =>
        Assert.That(RunContext.FromHeaders(Context("p", null, ["a,b", ",", "c,"], []).ToHeaders())!.Tags, Is.EqualTo(new[] { "a", "b", "c" }));

    [Test]
    public void ToHeaders_MegabyteInOneValue_KeepsTheThreadAndTheBudget()
    {
        var context = Context("p", null, ["t"], new() { ["document"] = new string('x', 1_000_000), ["thread_id"] = "t-1", ["session_id"] = 7 });

        var baggage = context.ToHeaders()["baggage"];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(baggage, Has.Length.LessThanOrEqualTo(4096));
            Assert.That(baggage, Is.EqualTo("langsmith-metadata=%7B%22thread_id%22%3A%22t-1%22%2C%22session_id%22%3A7%7D,langsmith-tags=t,langsmith-project=p"));
        }
    }

    [Test]
    public void GetHeaders_MegabyteInManyKeys_AllocatesOnlyWhatFits()
    {
        var metadata = Enumerable.Range(0, 10_000).ToDictionary(static i => $"key-{i}", static i => (object?)new string('x', 100));
        metadata["conversation_id"] = "c-1";
        Context("p", null, [], metadata).GetHeaders(HeaderFormat.Default);
        var context = Context("p", null, [], metadata);

        var before = GC.GetAllocatedBytesForCurrentThread();
        var headers = context.GetHeaders(HeaderFormat.Default);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(headers.Baggage, Is.EqualTo("langsmith-metadata=%7B%22conversation_id%22%3A%22c-1%22%7D,langsmith-project=p"));
            Assert.That(allocated, Is.LessThan(128 * 1024));
        }
    }

    [Test]
    public void GetHeaders_MegabyteInOneValue_AllocatesTheValueOnce()
    {
        var metadata = new Dictionary<string, object?> { ["document"] = new string('x', 1_000_000) };
        Context("p", null, [], metadata).GetHeaders(HeaderFormat.Default);
        var context = Context("p", null, [], metadata);

        var before = GC.GetAllocatedBytesForCurrentThread();
        context.GetHeaders(HeaderFormat.Default);
        var first = GC.GetAllocatedBytesForCurrentThread() - before;
        before = GC.GetAllocatedBytesForCurrentThread();
        context.GetHeaders(HeaderFormat.Default);
        var second = GC.GetAllocatedBytesForCurrentThread() - before;

        using (Assert.EnterMultipleScope())
        {
            // Two bytes a character, and no percent-encoded megabytes.
            Assert.That(first, Is.LessThan(2_500_000));
            Assert.That(second, Is.Zero);
        }
    }

    [Test]
    public void GetHeaders_OverBudget_DropsMetadataThenTagsAndNeverCuts()
    {
        var context = Context("p", null, ["tag"], new() { ["a"] = 1, ["thread_id"] = "t" });
        const string Metadata = "langsmith-metadata=%7B%22a%22%3A1%2C%22thread_id%22%3A%22t%22%7D";
        const string Thread = "langsmith-metadata=%7B%22thread_id%22%3A%22t%22%7D";
        const string Tags = "langsmith-tags=tag";
        const string Project = "langsmith-project=p";
        var lines = new[]
        {
            ($"{Metadata},{Tags},{Project}", DroppedMembers.None),
            ($"{Thread},{Tags},{Project}", DroppedMembers.Metadata),
            ($"{Thread},{Project}", DroppedMembers.Metadata | DroppedMembers.Tags),
            ($"{Tags},{Project}", DroppedMembers.Metadata),
            (Project, DroppedMembers.Metadata | DroppedMembers.Tags),
        };

        using (Assert.EnterMultipleScope())
        {
            // With exactly as many bytes as a line has it is sent, with one less the next shorter one.
            for (var i = 0; i < lines.Length; i++)
            {
                var (line, dropped) = lines[i];
                var exact = context.GetHeaders(new HeaderFormat(line.Length, null));
                Assert.That(exact.Baggage, Is.EqualTo(line));
                Assert.That(exact.Dropped, Is.EqualTo(dropped), line);
                if (i + 1 < lines.Length)
                    Assert.That(context.GetHeaders(new HeaderFormat(line.Length - 1, null)).Baggage, Is.EqualTo(lines[i + 1].Item1));
            }

            Assert.That(context.GetHeaders(new HeaderFormat(0, null)).Baggage, Is.EqualTo(Project));
        }
    }

    [Test]
    public void GetHeaders_ProjectOfEightKilobytes_IsNotSent()
    {
        const int Name = 18;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Context(new string('p', 8192 - Name), null, [], []).GetHeaders(HeaderFormat.Default).Baggage, Has.Length.EqualTo(8192));
            Assert.That(Context(new string('p', 8193 - Name), null, [], []).GetHeaders(HeaderFormat.Default).Baggage, Is.Null);
            Assert.That(Context(new string('p', 8193 - Name), null, [], []).GetHeaders(HeaderFormat.Default).Dropped, Is.EqualTo(DroppedMembers.Destination));
        }
    }

    [TestCase(138)]
    [TestCase(139)]
    public void Inject_DeepTrace_IsSentUpToItsBound(int depth)
    {
        var tracer = new LangSmithTracer(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true, Project = "p" });
        var scopes = new Stack<RunScope>();
        for (var i = 0; i < depth; i++)
            scopes.Push(tracer.StartRun("r", options: new RunOptions { Tags = ["t"] }));
        var context = scopes.Peek().Run.Context;
        while (scopes.TryPop(out var scope))
            scope.Dispose();
        var carrier = new Dictionary<string, string> { ["baggage"] = "userId=alice" };

        context.Inject(carrier, static (to, name, value) => to[name] = value, static (from, name) => from.TryGetValue(name, out var value) ? [value] : null);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(carrier["langsmith-trace"], Is.EqualTo(context.DottedOrder).And.Length.EqualTo((138 * 59) - 1), "a run further down is not recorded");
            Assert.That(carrier["baggage"], Is.EqualTo("langsmith-tags=t,langsmith-project=p,userId=alice"));
            Assert.That(RunContext.FromDottedOrder(context.DottedOrder), Is.Not.Null);
        }
    }

    [Test]
    public void GetHeaders_PropagatedMetadataKeys_NarrowWhatTravels()
    {
        var context = Context("p", null, [], new() { ["user"] = "u", ["thread_id"] = "t", ["secret"] = "s" });
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Baggage("user", "thread_id"), Is.EqualTo("langsmith-metadata=%7B%22user%22%3A%22u%22%2C%22thread_id%22%3A%22t%22%7D,langsmith-project=p"));
            Assert.That(Baggage(), Is.EqualTo("langsmith-project=p"));
            Assert.That(Baggage("USER"), Is.EqualTo("langsmith-project=p"));
        }

        string? Baggage(params string[] keys) => context.GetHeaders(new HeaderFormat(4096, keys.ToFrozenSet())).Baggage;
    }

    [Test]
    public void GetHeaders_PropagatedMetadataKeysWithoutThread_DoNotBringItBackOverBudget()
    {
        var context = Context("p", null, [], new() { ["user"] = new string('u', 9000), ["thread_id"] = "t" });
        Assert.That(context.GetHeaders(new HeaderFormat(4096, new[] { "user" }.ToFrozenSet())).Baggage, Is.EqualTo("langsmith-project=p"));
    }

    [Test]
    public void ToHeaders_NothingChanged_AreTheSameStrings()
    {
        var tracer = new LangSmithTracer(new InMemoryRunRecorder(), new LangSmithOptions { Tracing = true });
        using var scope = tracer.StartRun("r");
        var run = scope.Run;
        run.AddTags("a");

        var first = run.ToHeaders();
        var second = run.ToHeaders();
        run.AddMetadata("k", 1);
        var afterMetadata = run.ToHeaders();
        run.AddTags("b");
        var afterTags = run.ToHeaders();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(second["baggage"], Is.SameAs(first["baggage"]));
            Assert.That(second["langsmith-trace"], Is.SameAs(run.DottedOrder));
            Assert.That(afterMetadata["baggage"], Does.StartWith("langsmith-metadata=%7B%22k%22%3A1%7D,langsmith-tags=a,"));
            Assert.That(afterTags["baggage"], Does.StartWith("langsmith-metadata=%7B%22k%22%3A1%7D,langsmith-tags=a%2Cb,"));
            Assert.That(run.ToHeaders()["baggage"], Is.SameAs(afterTags["baggage"]));
        }
    }

    [Test]
    public void GetHeaders_FormatMadePerCall_DoesNotGrow()
    {
        var context = Context("p", null, [], []);
        for (var i = 0; i < 100; i++)
            context.GetHeaders(new HeaderFormat(i, null));
        var length = 0;
        for (var headers = context.GetHeaders(HeaderFormat.Default); headers is not null; headers = headers.Next)
            length++;
        Assert.That(length, Is.LessThan(16));
    }

    private static RunContext Context(string project, string? address, string[] tags, Dictionary<string, object?> metadata) => Generators.Context(
        2, project, address, tags, PayloadSerializer.SerializeAll(metadata));
}
