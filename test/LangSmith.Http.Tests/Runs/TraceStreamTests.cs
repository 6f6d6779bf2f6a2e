using System.Runtime.CompilerServices;

namespace LangSmith.Http.Tests.Runs;

public class TraceStreamTests
{
    // What was current inside the source, after each of its steps.
    private readonly List<Guid?> _inside = [];
    private InMemoryRunRecorder _recorder = null!;
    private DelegateRecorder _told = null!;
    private LangSmithTracer _tracer = null!;

    [SetUp]
    public void SetUp()
    {
        _inside.Clear();
        _recorder = new InMemoryRunRecorder();
        _told = new DelegateRecorder { Start = _recorder.OnStart, End = _recorder.OnEnd };
        _tracer = Recording.Tracer(_told);
    }

    [TearDown]
    public void TearDown() => Assert.That(Ambient.Current, Is.Null, "nothing leaks out of a test");

    [TestCase(true)]
    [TestCase(false)]
    public async Task TraceStream_ReadToTheEnd_IsCurrentOnEveryStepAndForNobodyElse(bool yields)
    {
        using var consumer = _tracer.StartRun("consumer");
        var elements = new List<int>();

        await foreach (var element in _tracer.TraceStream(Source(3, yields), "stream", inputs: new { n = 3 }))
        {
            elements.Add(element);
            Assert.That(RunTree.Current, Is.SameAs(consumer.Run), "the consumer keeps its own");
            using (var between = _tracer.StartRun("between"))
                Assert.That(between.Run.ParentRunId, Is.EqualTo(consumer.Run.Id));
        }

        var run = _recorder.Single("stream");
        Assert.Multiple(() =>
        {
            Assert.That(elements, Is.EqualTo(new[] { 0, 1, 2 }));
            Assert.That(_inside, Has.Count.EqualTo(5).And.All.EqualTo(run.Id), "before, after each yield, and in finally");
            Assert.That(RunTree.Current, Is.SameAs(consumer.Run));
            Assert.That(run.ParentRunId, Is.EqualTo(consumer.Run.Id));
            Assert.That(run.Inputs.Text(), Is.EqualTo("""{"n":3}"""));
            Assert.That(run.Outputs.Text(), Is.EqualTo("""{"output":[0,1,2]}"""));
            Assert.That(_told.Ended, Is.EqualTo(4), "three between, and once the stream");
        });
    }

    [Test]
    public async Task TraceStream_RunsStartedInside_AreItsChildren()
    {
        await foreach (var unused in _tracer.TraceStream(Source(), "stream"))
        {
        }

        Assert.That(_recorder.Runs.Where(run => run.Name == "step").Select(run => run.ParentRunId), Is.EqualTo(new Guid?[]
        {
            _recorder.Single("stream").Id, _recorder.Single("stream").Id,
        }));

        async IAsyncEnumerable<int> Source()
        {
            for (var i = 0; i < 2; i++)
            {
                await Task.Yield();
                using (_tracer.StartRun("step"))
                {
                }

                yield return i;
            }
        }
    }

    [Test]
    public async Task TraceStream_Left_EndsOnceWithWhatWasRead()
    {
        await foreach (var element in _tracer.TraceStream(Source(10), "stream"))
        {
            if (element == 1)
                break;
        }

        var run = _recorder.Single("stream");
        Assert.Multiple(() =>
        {
            Assert.That(run.Outputs.Text(), Is.EqualTo("""{"output":[0,1]}"""));
            Assert.That(run.Error, Is.Null);
            Assert.That(_told.Ended, Is.EqualTo(1));
            Assert.That(_inside[^1], Is.EqualTo(run.Id), "also in the source's finally");
        });
    }

    [Test]
    public void TraceStream_SourceThrows_RecordsTheErrorAndRethrowsItUntouched()
    {
        var thrown = new InvalidOperationException("broken");

        var caught = Assert.CatchAsync(async () =>
        {
            await foreach (var unused in _tracer.TraceStream(Source(3, yields: true, thrown), "stream"))
            {
            }
        });

        Assert.Multiple(() =>
        {
            Assert.That(caught, Is.SameAs(thrown));
            Assert.That(_recorder.Single("stream").Error, Does.StartWith("System.InvalidOperationException: broken"));
            Assert.That(_told.Ended, Is.EqualTo(1));
        });
    }

    [TestCase(0, false, null)]
    [TestCase(3, false, """{"output":[0,1,2]}""")]
    [TestCase(0, true, null)]
    [TestCase(3, true, """{"output":3}""")]
    public void TraceStream_SourceThrowsOrIsCancelled_RecordsWhatWasReadSoFar(int elements, bool reduces, string? outputs)
    {
        foreach (Exception end in new Exception[] { new InvalidOperationException("broken"), new OperationCanceledException("cancelled") })
        {
            _recorder.Clear();
            Assert.CatchAsync(async () =>
            {
                Func<IReadOnlyList<int>, object?>? reduce = reduces ? static read => read.Count : null;
                await foreach (var unused in _tracer.TraceStream(Source(elements, yields: true, end), "stream", reduce))
                {
                }
            });

            var run = _recorder.Single("stream");
            Assert.That((run.Outputs?.GetRawText(), run.Error?.Contains(end.Message, StringComparison.Ordinal)), Is.EqualTo((outputs, true)));
        }
    }

    [Test]
    public void TraceStream_SourceThrowsWhenDisposed_RecordsTheErrorAndRethrowsIt()
    {
        var caught = Assert.CatchAsync(async () =>
        {
            await foreach (var unused in _tracer.TraceStream(Broken(), "stream"))
                break;
        });

        Assert.Multiple(() =>
        {
            Assert.That(caught, Is.TypeOf<FormatException>());
            Assert.That(_recorder.Single("stream").Error, Does.StartWith("System.FormatException: disposed"));
            Assert.That(_told.Ended, Is.EqualTo(1));
        });

        static void Close() => throw new FormatException("disposed");

        static async IAsyncEnumerable<int> Broken()
        {
            try
            {
                await Task.Yield();
                yield return 1;
            }
            finally
            {
                Close();
            }
        }
    }

    [Test]
    public void TraceStream_ConsumerThrows_EndsWithoutAnError()
    {
        Assert.CatchAsync(async () =>
        {
            await foreach (var unused in _tracer.TraceStream(Source(3), "stream"))
                throw new InvalidOperationException("the consumer's");
        });

        Assert.That((_recorder.Single("stream").Error, _told.Ended), Is.EqualTo(((string?)null, 1)));
    }

    [Test]
    public async Task TraceStream_NeverRead_IsNoRun()
    {
        var stream = _tracer.TraceStream(Source(3), "stream");
        await using (stream.GetAsyncEnumerator())
        {
        }

        Assert.That((_told.Asked, _told.Started, _inside.Count), Is.EqualTo((0, 0, 0)));
    }

    [Test]
    public async Task TraceStream_ReadTwice_IsTwoRuns()
    {
        var inputs = new List<int> { 1 };
        var stream = _tracer.TraceStream(Source(2), "stream", inputs: inputs);

        for (var i = 0; i < 2; i++)
        {
            await foreach (var unused in stream)
            {
            }
        }

        Assert.Multiple(() =>
        {
            Assert.That(_recorder.Runs.Select(run => run.Id).Distinct().Count(), Is.EqualTo(2));
            Assert.That(_recorder.Runs.Select(run => run.Outputs.Text()), Is.All.EqualTo("""{"output":[0,1]}"""));
            Assert.That(_told.Ended, Is.EqualTo(2));
        });
    }

    [Test]
    public async Task TraceStream_ReadPastItsEnd_StaysEnded()
    {
        using var faults = new FaultCounter();
        await using var elements = _tracer.TraceStream(Source(1), "stream").GetAsyncEnumerator();

        bool[] moved = [await elements.MoveNextAsync(), await elements.MoveNextAsync(), await elements.MoveNextAsync()];

        Assert.Multiple(() =>
        {
            Assert.That(moved, Is.EqualTo(new[] { true, false, false }));
            Assert.That((_told.Started, _told.Ended, faults["edit_after_end"]), Is.EqualTo((1, 1, 0)));
        });
    }

    [Test]
    public async Task TraceStream_WithReduce_RecordsWhatItMakesOfTheElements()
    {
        await foreach (var unused in _tracer.TraceStream(Source(3), "stream", elements => new { Sum = elements.Sum() }))
        {
        }

        Assert.That(_recorder.Single("stream").Outputs.Text(), Is.EqualTo("""{"sum":3}"""));
    }

    [Test]
    public async Task TraceStream_ReduceThrows_IsCountedLoggedAndTheStreamGoesOn()
    {
        using var faults = new FaultCounter();
        var logger = new ListLogger();
        var tracer = Recording.Tracer(_told, logger: logger);
        var count = 0;

        await foreach (var unused in tracer.TraceStream(Source(3), "stream", _ => throw new InvalidOperationException("reduce")))
            count++;

        Assert.Multiple(() =>
        {
            Assert.That(count, Is.EqualTo(3));
            Assert.That(_recorder.Single("stream").Outputs, Is.Null);
            Assert.That(_recorder.Single("stream").EndTime, Is.Not.Null);
            Assert.That(faults["callback_failed"], Is.EqualTo(1));
            Assert.That(logger.Lines, Has.Count.EqualTo(1).And.All.Contains("reduce"));
        });
    }

    [Test]
    public async Task TraceStream_Elements_AreSerialisedAsTheyPass()
    {
        await foreach (var list in _tracer.TraceStream(Same(), "stream"))
            list.Add(9);

        Assert.That(_recorder.Single("stream").Outputs.Text(), Is.EqualTo("""{"output":[[0],[0,9,1]]}"""));

        static async IAsyncEnumerable<List<int>> Same()
        {
            var list = new List<int>();
            for (var i = 0; i < 2; i++)
            {
                await Task.Yield();
                list.Add(i);
                yield return list;
            }
        }
    }

    [Test]
    public void TraceStream_TokenOfTheEnumeration_ReachesTheSource()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        Assert.CatchAsync<OperationCanceledException>(async () =>
        {
            await foreach (var unused in _tracer.TraceStream(Source(3), "stream").WithCancellation(cancelled.Token))
            {
            }
        });

        Assert.That(_recorder.Single("stream").Error, Does.Contain("Cancel"));
    }

    [Test]
    public async Task TraceStream_WithoutASourceOrAName_ThrowsAtOnceOrIsUnnamed()
    {
        Assert.That(() => _tracer.TraceStream<int>(null!, "stream"), Throws.ArgumentNullException);
        await foreach (var _ in _tracer.TraceStream(Source(1), " "))
        {
        }

        Assert.That(_recorder.Runs.Single().Name, Is.EqualTo("Unnamed"));
    }

    private async IAsyncEnumerable<int> Source(
        int count, bool yields = true, Exception? last = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        try
        {
            _inside.Add(RunTree.Current?.Id);
            for (var i = 0; i < count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (yields)
                    await Task.Yield();
                yield return i;
                _inside.Add(RunTree.Current?.Id);
            }

            if (last is not null)
                throw last;
        }
        finally
        {
            _inside.Add(RunTree.Current?.Id);
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task TraceStream_AMillionElements_KeepsAsMuchAsOnePayload(bool reduces)
    {
        using var faults = new FaultCounter();
        var options = new LangSmithOptions { Tracing = true, MaxPayloadBytes = 64 * 1024 };
        var tracer = new LangSmithTracer(_recorder, options);
        IReadOnlyList<string> reduced = [];
        var read = 0;

        await foreach (var unused in tracer.TraceStream(Tokens(1_000_000), "stream", reduces ? Reduce : null))
            read++;

        var run = _recorder.Single("stream");
        var leftOut = run.Metadata["elements_left_out"].GetInt64();
        Assert.Multiple(() =>
        {
            Assert.That(read, Is.EqualTo(1_000_000));
            Assert.That(run.OutputsJson!.Utf8.Length, Is.LessThan(66 * 1024));
            Assert.That(faults["payload_cut"], Is.EqualTo(1));
            if (reduces)
                Assert.That((reduced.Count, leftOut), Is.EqualTo((1024, 1_000_000L - 1024)), "64 bytes each");
            else
                Assert.That(run.Outputs.Text(), Does.StartWith("""{"output":["token","token",""").And.EndsWith($"\"(cut: {leftOut} more elements)\"]}}"));
        });

        object Reduce(IReadOnlyList<string> elements)
        {
            reduced = elements;
            return elements.Count;
        }
    }

    [Test]
    public async Task TraceStream_Accumulates_KeepsOnlyTheState()
    {
        var elements = new List<WeakReference>();
        await foreach (var unused in _tracer.TraceStream(Objects(), "stream", static () => 0, static (count, _) => count + 1))
        {
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.That(_recorder.Single("stream").Outputs.Text(), Is.EqualTo("""{"output":1000}"""));
        Assert.That(elements.Count(static element => element.IsAlive), Is.LessThan(10));

        async IAsyncEnumerable<object> Objects()
        {
            for (var i = 0; i < 1_000; i++)
            {
                await Task.Yield();
                var element = new object();
                elements.Add(new WeakReference(element));
                yield return element;
            }
        }
    }

    [Test]
    public async Task TraceStream_AccumulatesTwice_EachEnumerationHasItsOwnState()
    {
        var stream = _tracer.TraceStream(
            Tokens(2), "stream", static () => new System.Text.StringBuilder(), static (text, piece) => text.Append(piece).Append(' '));

        await foreach (var unused in stream)
        {
        }

        await foreach (var unused in stream)
            break;

        Assert.That(_recorder.Runs.Select(run => run.Outputs.Text()), Is.EqualTo(new[] { """{"output":"token token "}""", """{"output":"token "}""" }));
    }

    [Test]
    public async Task TraceStream_AccumulateThrows_TheStreamGoesOnWithoutOutputs()
    {
        using var faults = new FaultCounter();
        var read = 0;
        await foreach (var unused in _tracer.TraceStream<string, int>(Tokens(3), "stream", static () => 0, static (_, _) => throw new IOException()))
            read++;

        Assert.That((read, faults["callback_failed"], _recorder.Single("stream").Outputs), Is.EqualTo((3, 1, (System.Text.Json.JsonElement?)null)));
    }

    [TestCase("llm", "new_token")]
    [TestCase("chain", null)]
    public async Task TraceStream_FirstElementWithContent_IsAnEventOfAModelsRun(string type, string? expected)
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(new DateTimeOffset(2026, 11, 22, 8, 0, 0, TimeSpan.Zero));
        var tracer = Recording.Tracer(_recorder, time);
        await foreach (var unused in tracer.TraceStream(Pieces(), "stream", options: new RunOptions { RunType = type }))
        {
        }

        var run = _recorder.Single("stream");
        Assert.That(run.Events.Select(item => item.Name), Is.EqualTo(expected is null ? Array.Empty<string>() : [expected]));
        if (expected is not null)
            Assert.That(run.Events[0].Time - run.StartTime, Is.EqualTo(TimeSpan.FromSeconds(2)), "the empty element is none");

        async IAsyncEnumerable<string?> Pieces()
        {
            foreach (var piece in new[] { null, "", "a", "b" })
            {
                await Task.Yield();
                yield return piece;
                if (piece?.Length == 0)
                    time.Advance(TimeSpan.FromSeconds(2));
            }
        }
    }

    private static async IAsyncEnumerable<string> Tokens(int count)
    {
        await Task.Yield();
        for (var i = 0; i < count; i++)
            yield return "token";
    }
}
