namespace LangSmith.Http.Tests.Propagation;

/// <summary>Every 'emit' entry of header-vectors.json, made again with our API and compared with what the SDK sent.</summary>
public class EmitVectorTests
{
    private static IEnumerable<TestCaseData<Vector>> Cases() =>
        VectorFile.Vectors.Where(static vector => vector.Kind == "emit").Select(static vector => new TestCaseData<Vector>(vector) { TestName = vector.ToString() });

    [TestCaseSource(nameof(Cases))]
    public void ToHeaders_Vector_IsAsExpected(Vector vector)
    {
        var expectation = VectorFile.ExpectationOf(vector);
        var theirs = vector.Entry.TryGetProperty("headers", out var headers)
            ? headers.EnumerateObject().ToDictionary(static header => header.Name, static header => header.Value.GetString()!)
            : [];
        var expected = new Dictionary<string, string>(theirs);
        foreach (var (name, value) in expectation.Expected)
        {
            expected[name] = value.GetString()!;
            Assert.That(theirs.GetValueOrDefault(name), Is.Not.EqualTo(expected[name]), $"{name} does not deviate");
        }

        var ours = EmitScenarios.Emit(vector);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ours, Is.EqualTo(expected), expectation.Reason);
            // Where only the bytes differ, the other SDKs must still read what they would have sent.
            if (expectation.SameDecoded)
                Assert.That(WireText.Decode(ours["baggage"]), Is.EqualTo(WireText.Decode(theirs["baggage"])), expectation.Reason);
        }
    }
}
