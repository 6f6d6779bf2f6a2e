namespace LangSmith.Http.Tests.Propagation;

/// <summary>The two data files belong together: nothing missing, nothing left over, no deviation without a reason.</summary>
public class VectorFileTests
{
    [Test]
    public void Vectors_All_HaveExactlyOneExpectation()
    {
        var expected = VectorFile.Expectations.SelectMany(static expectation => expectation.Sdks.Select(sdk => (expectation.Id, sdk)));
        Assert.That(expected, Is.EquivalentTo(VectorFile.Vectors.Select(static vector => (vector.Id, vector.Sdk))));
    }

    [Test]
    public void Vectors_File_IsComplete() => Assert.That(VectorFile.Vectors, Has.Count.EqualTo(172));

    [Test]
    public void Expectations_Deviations_SayWhatAndWhy()
    {
        using (Assert.EnterMultipleScope())
        {
            foreach (var expectation in VectorFile.Expectations)
            {
                Assert.That(expectation.Expected, expectation.Agrees ? Is.Empty : Is.Not.Empty, expectation.Id);
                Assert.That(expectation.Reason, expectation.Agrees ? Is.Null : Is.Not.Null.And.Not.Empty, expectation.Id);
            }
        }
    }
}
