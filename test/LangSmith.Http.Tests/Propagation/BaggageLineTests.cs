namespace LangSmith.Http.Tests.Propagation;

public sealed class BaggageLineTests
{
    [Test]
    public void Union_KeyInBoth_TheFirstStaysAndTheSecondKeepsItsOwnDuplicates() =>
        Assert.That(BaggageLine.Union("a=1;p", "b=1,a=9,b=2"), Is.EqualTo("a=1;p,b=1,b=2"));

    [Test]
    public void AddActivityBaggage_SameKeyTwice_TheNearestStays() =>
        Assert.That(BaggageLine.AddActivityBaggage("a=1", [new("k", "new"), new("a", "2"), new("k", "old")]), Is.EqualTo("a=1,k=new"));

    // The runtime's legacy propagator decodes keys as forms are, and trims them.
    [TestCase("langsmith-project", true)]
    [TestCase("LangSmith%2Dproject", true)]
    [TestCase("+langsmith-project", true)]
    [TestCase("%20%09+langsmith-project", true)]
    [TestCase("x+langsmith-project", false)]
    [TestCase("langsmith", false)]
    public void IsOurs_KeyAsWrittenOrEncoded_IsRecognised(string key, bool isOurs) =>
        Assert.That(BaggageLine.IsOurs(key), Is.EqualTo(isOurs));
}
