namespace LangSmith.Http.Tests;

/// <summary>The check values are the TypeScript SDK's (0.12.0): both decide alike.</summary>
public sealed class TraceSamplerTests
{
    [TestCase("018bcfe5-687b-7000-8000-000000000001", 103679)]
    [TestCase("018bcfe5-6c63-7000-8000-000000000002", 86737)]
    [TestCase("0b6f9c1e-3c3f-4a57-9a0c-6f8c1c1f2a3b", 239400)]
    [TestCase("01A20254-3BD4-7000-8000-0018DD962F35", 753233)]
    public void Bucket_OfAnId_IsTheTypeScriptSdks(string id, int bucket) =>
        Assert.That(TraceSampler.Bucket(Guid.Parse(id)), Is.EqualTo(bucket));

    [Test]
    public void Hash_OfAnId_IsXxh3() =>
        Assert.That(TraceSampler.Hash(Guid.Parse("018bcfe5-687b-7000-8000-000000000001")).ToString("x32", null), Is.EqualTo("f0390867dc88036b4feb870d820747ff"));

    [Test]
    public void ShouldRecord_AtARate_KeepsThatShare()
    {
        var ids = Enumerable.Range(0, 20_000).Select(static _ => Guid.NewGuid()).ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ids.Count(static id => TraceSampler.ShouldRecord(id, 0)), Is.Zero);
            Assert.That(ids.Count(static id => TraceSampler.ShouldRecord(id, 0.25)), Is.EqualTo(5000).Within(400));
            Assert.That(ids.Count(static id => TraceSampler.ShouldRecord(id, 1)), Is.EqualTo(ids.Count));
        }
    }

    [Test]
    public void ShouldRecord_AtTheBucketsOwnRate_DoesNot()
    {
        var id = Guid.Parse("018bcfe5-687b-7000-8000-000000000001");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(TraceSampler.ShouldRecord(id, 0.103679), Is.False);
            Assert.That(TraceSampler.ShouldRecord(id, 0.10368), Is.True);
        }
    }
}
