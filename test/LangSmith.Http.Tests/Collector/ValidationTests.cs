using System.Text.Json.Nodes;

namespace LangSmith.Http.Tests.Collector;

/// <summary>Each validation, broken alone: its code, the words a person reads, and nothing beside it.</summary>
public sealed class ValidationTests : CollectorFixture
{
    private static readonly Guid Other = Guid.Parse("018bcfe5-687b-7000-8000-000000000099");

    [Test]
    public async Task Trace_AsItShouldBe_HasNoProblem()
    {
        var root = SampleRun.Root();
        var child = root.Child();
        await AcceptAsync(root, child, child.Child("grandchild", 2, 3), root.Child("second", 5, 4));
        Assert.That(Collector.Problems, Is.Empty);
        Assert.That(Collector.AssertOneTrace().Runs, Has.Count.EqualTo(4));
    }

    private static IEnumerable<TestCaseData> Refusals()
    {
        var root = SampleRun.Root();
        var child = root.Child();
        var late = root.ChildAt("child", SampleRun.Time.AddTicks(-10), 2);
        var (rootId, childId) = (root.Id, child.Id);
        const string Grammar = "A part is YYYYMMDDThhmmssffffffZ, in UTC with exactly six fraction digits, followed by the run's id.";

        yield return Case("trace_id_missing", Root().Without("trace_id"), "'root' has no trace_id: every run of a batch needs the id of its trace's root run.");
        yield return Case("dotted_order_missing", Root().Without("dotted_order"), "'root' has no dotted_order: every run of a batch needs its path from the root run.");
        yield return Case("dotted_order_run_id", Root().With("dotted_order", SampleRun.Segment(SampleRun.Time, Other)),
            $"'root' has a dotted_order that ends with run {Other}. The last part must be of the run itself, {rootId}.");
        yield return Case("dotted_order_trace_id", Root().With("trace_id", Other),
            $"'root' has a dotted_order that begins with run {rootId}, but the trace_id {Other}. Both must be the root run's id.");
        yield return Case("dotted_order_trace_id", Child().With("trace_id", childId),
            $"'child' has a dotted_order that begins with run {rootId}, but the trace_id {childId}. Both must be the root run's id.");
        yield return Case("dotted_order_root_parts", Child().Without("parent_run_id"),
            $"'child' has no parent_run_id, but a dotted_order of 2 parts. It must contain a single part for root runs; a child of this path has the parent_run_id {rootId}.");
        yield return Case("dotted_order_child_parts", Root().With("parent_run_id", Other),
            $"'root' has the parent_run_id {Other}, but a dotted_order of one part. It must contain at least two parts for child runs: the parent's dotted_order, a dot, and the run's own part.");
        yield return Case("dotted_order_parent_id", Child().With("parent_run_id", Other),
            $"'child' has the parent_run_id {Other}, but its dotted_order goes on from run {rootId}. The last part but one must be the parent's.");
        yield return Case("dotted_order_cycle", Child().With("dotted_order", $"{root.DottedOrder}.{SampleRun.Segment(child.Start, childId)}.{SampleRun.Segment(child.Start, childId)}").With("parent_run_id", childId),
            $"'child' is in its dotted_order twice: a run cannot be below itself.");
        yield return Case("dotted_order_time", late,
            "'child' has a dotted_order with timestamp 2026-11-22T07:59:59.999999Z earlier than parent timestamp 2026-11-22T08:00:00.000000Z. The clock of its service is slow: start it no earlier than its parent.");

        foreach (var (time, what) in (IEnumerable<(string, string)>)
        [
            ("20261122T080000000000000Z", "nine digits"), ("20261122T080000000Z", "three digits"), ("20261122T080000Z", "none"), ("20261122T080000000000z", "lower case"),
            ("20261122T240000000000Z", "hour 24"), ("20261322T080000000000Z", "month 13"), ("2026-11-22T08:00:00:000000Z", "ISO"), ("20261122T080000000000+00:00", "offset"),
        ])
        {
            var dottedOrder = time + rootId;
            yield return Case("dotted_order_grammar", Root().With("dotted_order", dottedOrder), $"'root' has a dotted_order whose part 1 is '{dottedOrder}'. {Grammar}", what);
        }

        yield return Case("dotted_order_grammar", Root().With("dotted_order", "garbage"), $"'root' has a dotted_order whose part 1 is 'garbage'. {Grammar}", "garbage");
        yield return Case("dotted_order_grammar", Root().With("dotted_order", ""), $"'root' has a dotted_order whose part 1 is ''. {Grammar}", "empty");
        yield return Case("dotted_order_grammar", Root().With("dotted_order", root.DottedOrder + "."), $"'root' has a dotted_order whose part 2 is ''. {Grammar}", "a dot too many");
        yield return Case("dotted_order_grammar", Root().With("dotted_order", new string('x', 500)), $"'root' has a dotted_order whose part 1 is '{new string('x', 80)}…'. {Grammar}", "long");
        yield return Case("dotted_order_grammar", Root().With("name", new string('n', 500)).With("dotted_order", "x"), $"'{new string('n', 80)}…' has a dotted_order whose part 1 is 'x'. {Grammar}", "long name");
        yield return Case("dotted_order_grammar", Root().Without("name").With("dotted_order", "x"), $"Run {rootId} has a dotted_order whose part 1 is 'x'. {Grammar}", "no name");

        SampleRun Root() => SampleRun.Root();
        SampleRun Child() => SampleRun.Root().Child();
        static TestCaseData Case(string code, SampleRun run, string message, string what = "") => new TestCaseData(code, run, message).SetArgDisplayNames(code, what);
    }

    [TestCaseSource(nameof(Refusals))]
    public async Task Run_LangSmithWouldRefuse_IsRefusedWithTheReason(string code, object broken, string message)
    {
        var run = (SampleRun)broken;
        Assert.That(await BatchAsync(run), Is.EqualTo(Answer.Refused(400, message)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Collector.Problems.Select(static problem => (problem.Code, problem.Severity, problem.Message)), Is.EqualTo([(code, ProblemSeverity.Error, message)]));
            Assert.That(Collector.Problems[0].RunId, Is.EqualTo(run.Id));
            Assert.That(Collector.Traces, Is.Empty);
        }
    }

    [TestCase("trace_id", "'root' has a dotted_order, but no trace_id: give both, or neither.")]
    [TestCase("dotted_order", "'root' has a trace_id, but no dotted_order: give both, or neither.")]
    public async Task Single_WithHalfAnIdentity_IsRefusedWithItsOwnWords(string missing, string message) =>
        Assert.That(await SendAsync(HttpMethod.Post, "/runs", Json(SampleRun.Root().Without(missing).Post.ToJsonString())), Is.EqualTo(Answer.Refused(400, message)));

    [Test]
    public async Task Patch_WithoutItsParent_IsAccepted()
    {
        // TypeScript repeats it, a bare PATCH need not.
        var root = SampleRun.Root();
        var child = root.Child().Open();
        var patch = child.Patch();
        patch.Remove("parent_run_id");
        await AcceptAsync([root.Post, child.Post], patch);
        Collector.AssertOneTrace();
    }

    [Test]
    public async Task Project_NamedByItsIdAlone_IsNoOtherProject()
    {
        var root = SampleRun.Root().With("session_name", "shop");
        await AcceptAsync(root, root.Child("child").Without("session_name").With("session_id", Guid.NewGuid().ToString()));
        AssertWarnings();
    }

    [Test]
    public async Task Id_OfVersion4_IsAWarning()
    {
        var id = Guid.Parse("0b6f9c1e-3c3f-4a57-9a0c-6f8c1c1f2a3b");
        await AcceptAsync(SampleRun.RootAt(SampleRun.Time, id));
        AssertWarnings(("id_not_v7", $"'root' has the id {id}, which is no UUIDv7. LangSmith lists runs by the time in their ids: make them UUIDv7s of the start time."));
    }

    [TestCase(-1001, true)]
    [TestCase(-1000, false)] // Python's trace block makes the id first.
    [TestCase(-1, false)]
    [TestCase(0, false)]
    [TestCase(1, false)]
    [TestCase(2, true)]
    [TestCase(1000, true)]
    public async Task Id_OfAnotherTimeThanTheStart_IsAWarningFromAMillisecondOn(int milliseconds, bool isProblem)
    {
        await AcceptAsync(SampleRun.RootAt(SampleRun.Time, SampleRun.IdOf(SampleRun.Time.AddMilliseconds(milliseconds), 1)));
        if (isProblem)
        {
            AssertWarnings(("id_time",
                $"'root' starts at 2026-11-22T08:00:00.000000Z, but its id was made for {SampleRun.Text(SampleRun.Time.AddMilliseconds(milliseconds))}. LangSmith lists runs by the time in their ids: make them of the start time."));
        }
        else
        {
            AssertWarnings();
        }
    }

    [Test]
    public async Task Id_OfPython_IsAMillisecondEarlyForAStartWithMicroseconds()
    {
        // Measured: the id's millisecond is one less than the start's, which has 999 microseconds more.
        var start = SampleRun.Time.AddTicks(1_0000 + 9990);
        await AcceptAsync(SampleRun.RootAt(start, SampleRun.IdOf(SampleRun.Time, 1)));
        AssertWarnings();
    }

    [Test]
    public async Task Start_OfAnotherTimeThanTheDottedOrder_IsAWarning()
    {
        await AcceptAsync(SampleRun.Root().With("start_time", "2026-11-22T08:00:00.001500Z"));
        AssertWarnings(("start_time", "'root' starts at 2026-11-22T08:00:00.001500Z, but its dotted_order says 2026-11-22T08:00:00.000000Z. Write both from one reading of the clock."));
    }

    [Test]
    public async Task Start_InMilliseconds_IsTheDottedOrdersMicrosecond()
    {
        await AcceptAsync(SampleRun.RootAt(SampleRun.Time.AddTicks(10), SampleRun.IdOf(SampleRun.Time, 1)).With("start_time", new DateTimeOffset(SampleRun.Time).ToUnixTimeMilliseconds()));
        AssertWarnings();
    }

    [TestCase("name", "'{0}' was posted without name. LangSmith cannot show it without.")]
    [TestCase("run_type", "'root' was posted without run_type. LangSmith cannot show it without.")]
    [TestCase("start_time", "'root' was posted without start_time. LangSmith cannot show it without.")]
    [TestCase("name,run_type", "'{0}' was posted without name, run_type. LangSmith cannot show it without.")]
    public async Task Post_WithoutAFieldEveryRunHas_IsAWarning(string fields, string message)
    {
        var root = SampleRun.Root();
        foreach (var field in fields.Split(','))
            root.Without(field);
        await AcceptAsync(root);
        AssertWarnings(("field_missing", message.Replace("'{0}'", $"Run {root.Id}", StringComparison.Ordinal)));
    }

    [Test]
    public async Task Orphan_IsAWarningUntilItsParentArrives()
    {
        var root = SampleRun.Root();
        var child = root.Child();
        await AcceptAsync(child);
        AssertWarnings(("parent_missing",
            $"'child' has the parent {root.Id}, which was not posted: LangSmith shows it outside its tree. The service of the parent does not record, or has not sent it yet."));
        await AcceptAsync(root);
        AssertWarnings();
    }

    [Test]
    public async Task OpenRun_IsAWarningUntilItEnds()
    {
        var root = SampleRun.Root().Open();
        await AcceptAsync(root);
        AssertWarnings(("run_pending", "'root' has not ended: no end_time has arrived."));
        await AcceptAsync([], root.Patch());
        AssertWarnings();
    }

    [Test]
    public async Task Update_IsAWarningUntilItsPostArrives()
    {
        var root = SampleRun.Root();
        await AcceptAsync([], root.Patch());
        AssertWarnings(("create_missing", $"Only updates of run {root.Id} arrived; its post is missing."));
        await AcceptAsync(root);
        AssertWarnings();
    }

    [Test]
    public async Task Update_OfARunInAProjectOfItsOwn_SaysNothingOfProjectsBeforeItsPost()
    {
        // The project is what the post says.
        var root = SampleRun.Root().With("session_name", "mine");
        var child = root.Child().With("session_name", "mine");
        await AcceptAsync([root.Post], child.Patch());
        Assert.That(ProblemCodes(), Is.EqualTo(["create_missing"]));
        await AcceptAsync(child);
        AssertWarnings();
    }

    [Test]
    public async Task Trace_OfTwoProjects_IsAWarning()
    {
        var root = SampleRun.Root();
        await AcceptAsync(root, root.Child().With("session_name", "other"), root.Child("address", 2, 3).With("address", "lrn:agents/a/environments/local"));
        AssertWarnings(("projects_differ",
            "The trace is spread over the projects 'default', 'lrn:agents/a/environments/local', 'other': LangSmith shows it in pieces. Send all of its runs to one."));
        Assert.That(Collector.Problems[0].RunId, Is.EqualTo(root.Id));
    }

    [Test]
    public async Task Traces_OfTwoProjects_AreNone()
    {
        await AcceptAsync(SampleRun.Root("a", 1), SampleRun.Root("b", 2).With("session_name", "other"));
        AssertWarnings();
    }

    [TestCase("name", "\"other\"")]
    [TestCase("inputs", """{"other":1}""")]
    [TestCase("dotted_order", null)]
    public async Task Post_OfAnotherRunWithTheSameId_IsAWarning(string field, string? value)
    {
        var root = SampleRun.Root();
        await AcceptAsync(root);
        var dottedOrder = SampleRun.Segment(SampleRun.Time.AddTicks(10), root.Id);
        await AcceptAsync(SampleRun.Root().With(field, value is null ? dottedOrder : JsonNode.Parse(value)));
        AssertWarnings(("run_duplicate",
            $"{(field == "name" ? "'other'" : "'root'")} was posted twice with the id {root.Id}, and differently. The later post stays: give every run an id of its own."));
    }

    [Test]
    public async Task Post_OfTheSameRunTwice_IsNone()
    {
        await AcceptAsync(SampleRun.Root(), SampleRun.Root());
        await AcceptAsync(SampleRun.Root());
        AssertWarnings();
    }

    [Test]
    public async Task DottedOrder_ThatIsNotItsParents_IsAWarning()
    {
        var root = SampleRun.Root();
        var child = root.Child();
        var grandchild = child.Child("grandchild", 1, 3);
        var elsewhere = grandchild.DottedOrder.Replace(SampleRun.Segment(child.Start, child.Id), SampleRun.Segment(child.Start.AddTicks(10), child.Id), StringComparison.Ordinal);
        await AcceptAsync(root, child, grandchild.With("dotted_order", elsewhere));
        AssertWarnings(("parent_dotted_order",
            "'grandchild' has a dotted_order that does not go on from that of its parent 'child': LangSmith shows it elsewhere. Write the parent's, a dot, and the run's own part."));
    }

    [Test]
    public async Task Post_Again_DoesNotCountItsWarningsTwice()
    {
        var root = SampleRun.RootAt(SampleRun.Time, Guid.Parse("0b6f9c1e-3c3f-4a57-9a0c-6f8c1c1f2a3b"));
        await AcceptAsync(root);
        await AcceptAsync(root);
        Assert.That(Collector.Problems.Select(static problem => (problem.Code, problem.Count)), Is.EqualTo([("id_not_v7", 1)]));
    }

    [Test]
    public async Task Refusal_SeenAgain_IsCounted()
    {
        for (var i = 0; i < 3; i++)
            await BatchAsync(SampleRun.Root().Without("trace_id"));
        Assert.That(Collector.Problems.Select(static problem => (problem.Code, problem.Count)), Is.EqualTo([("trace_id_missing", 3)]));
    }

    // Nothing but these, and the trace says the same.
    private void AssertWarnings(params (string Code, string Message)[] expected)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Collector.Problems.Select(static problem => (problem.Code, problem.Message)), Is.EqualTo(expected));
            Assert.That(Collector.Problems.Select(static problem => problem.Severity), Is.All.EqualTo(ProblemSeverity.Warning));
            Assert.That(Collector.Traces.SelectMany(static trace => trace.Problems).Select(static problem => (problem.Code, problem.Message)), Is.EqualTo(expected));
        }
    }
}
