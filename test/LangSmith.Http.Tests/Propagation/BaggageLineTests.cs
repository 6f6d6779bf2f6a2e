using System.Net;

namespace LangSmith.Http.Tests.Propagation;

public sealed class BaggageLineTests
{
    [Test]
    public void Union_KeyInBoth_TheSecondWinsAndTheSameMemberKeepsItsPlace() =>
        Assert.That(BaggageLine.Union("a=1;p,c=1,d=1", "d=1,b=1,a=9,b=2"), Is.EqualTo("c=1,d=1,b=1,a=9,b=2"));

    [Test]
    public void GetActivityMembers_SameKeyTwice_TheNearestStays() =>
        Assert.That(BaggageLine.GetActivityMembers([new("k", "new"), new("a", "2"), new("k", "old")], "a=1", out _), Is.EqualTo("k=new"));

    // The runtime's legacy propagator decodes keys as forms are, and trims them.
    [TestCase("langsmith-", true)]
    [TestCase("LangSmith-Project", true)]
    [TestCase("langsmith%2Dproject", true)]
    [TestCase("%6c%41%6E%67%73%6d%69%74%68%2d", true)]
    [TestCase("langsmith", false)]
    [TestCase("langsmith%2", false)]
    [TestCase("langsmith%2gx", false)]
    [TestCase("langsmith%0Dproject", false)]
    [TestCase("langsmith\rproject", false)]
    [TestCase("langsmith%252Dproject", false)]
    [TestCase("lang\u017Fmith-project", false)]
    [TestCase("%C1%ACangsmith-project", false)]
    [TestCase("% 6angsmith-project", false)]
    [TestCase("+langsmith-project", true)]
    [TestCase("%20%09+langsmith-project", true)]
    [TestCase("x+langsmith-project", false)]
    [TestCase("%C3%A9langsmith-project", false)]
    [TestCase("", false)]
    [TestCase("%", false)]
    [TestCase("+", false)]
    public void IsOurs_AnyKey_IsAsIfDecodedButAllocatesNothing(string key, bool isOurs)
    {
        _ = BaggageLine.IsOurs(key);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var actual = BaggageLine.IsOurs(key);
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(actual, Is.EqualTo(isOurs));
            Assert.That(actual, Is.EqualTo(WebUtility.UrlDecode(key).TrimStart(' ', '\t').StartsWith("langsmith-", StringComparison.OrdinalIgnoreCase)));
            Assert.That(bytes, Is.Zero);
        }
    }
}
