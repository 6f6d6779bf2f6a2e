namespace LangSmith.Http.Tests;

/// <summary>Feeds the architecture test's parts small sources: each kind of reference is seen, each violation is found.</summary>
public sealed class ArrowTests
{
    private const string Low = """
        namespace Package.Low;
        internal class Thing(int size = 0)
        {
            public const int Size = 7;
            public static implicit operator Thing(int size) => new Thing(size);
            public int Length => size;
        }
        internal static class Extensions { public static int Twice(this int value) => 2 * value; }
        internal static class Factory
        {
            public static System.Collections.Generic.List<Thing> Make() => [];
            public static void Take(Thing thing) { }
        }
        [System.AttributeUsage(System.AttributeTargets.All)]
        internal sealed class MarkAttribute(int value) : System.Attribute { public int Value => value; }
        """;

    private const string Rules = """
        Package
          Low:
          High: Low
        """;

    [TestCase("class High { object Get() { return new Low.Thing(); } }", "Thing..ctor", TestName = "{m}(MethodBody)")]
    [TestCase("class High { const int Size = Low.Thing.Size + 1; }", "Thing.Size", TestName = "{m}(Constant)")]
    [TestCase("class High { void Get([System.ComponentModel.DefaultValue(Low.Thing.Size)] int size) { } }", "Thing.Size",
        TestName = "{m}(AttributeArgument)")]
    [TestCase("[Low.Mark(1)] class High;", "MarkAttribute..ctor", TestName = "{m}(Attribute)")]
    [TestCase("using Package.Low; class High { int Get() => 1.Twice(); }", "Extensions.Twice", TestName = "{m}(ExtensionMethod)")]
    [TestCase("class High { void Get() => Low.Factory.Take(new(1)); }", "Thing..ctor", TestName = "{m}(TargetTypedNew)")]
    [TestCase("class High { void Get() => Low.Factory.Take(1); }", "Thing.op_Implicit", TestName = "{m}(Conversion)")]
    [TestCase("class High { void Get() { var all = Low.Factory.Make(); } }", "Thing", TestName = "{m}(Var)")]
    [TestCase("class High { void Get() { foreach (var one in Low.Factory.Make()) { } } }", "Thing", TestName = "{m}(Loop)")]
    [TestCase("class High { object Get() => System.Linq.Enumerable.Sum(Low.Factory.Make(), thing => 1); }", "Thing",
        TestName = "{m}(LambdaParameter)")]
    [TestCase("class High { bool Get(object o) => o is Low.Thing { Length: 1 }; }", "Thing.Length", TestName = "{m}(Pattern)")]
    [TestCase("class High { string Get() => nameof(Low.Factory.Make); }", "Factory.Make", TestName = "{m}(NameOf)")]
    [TestCase("class High : System.Collections.Generic.List<Low.Thing>;", "Thing", TestName = "{m}(BaseType)")]
    [TestCase("class High(int size) : Low.Thing(size);", "Thing..ctor", TestName = "{m}(BaseConstructor)")]
    public void GetArrows_Use_IsSeen(string high, string symbol)
    {
        var model = Model(("Package/Low/Low.cs", Low), ("Package/High/High.cs", "namespace Package.High;" + high));

        Assert.That(model.Errors, Is.Empty);
        var arrow = model.GetArrows().Single();
        Assert.That((arrow.From, arrow.To), Is.EqualTo(("Package/High", "Package/Low")));
        Assert.That(arrow.References.Select(static reference => reference.Symbol), Has.Member(symbol));
        Assert.That(arrow.References[0].Line, Is.EqualTo(1));
    }

    [Test]
    public void GetArrows_Documentation_IsNotSeen()
    {
        const string High = "/// <see cref=\"Package.Low.Thing\"/>\nclass High;";
        var model = Model(("Package/Low/Low.cs", Low), ("Package/High/High.cs", High));
        Assert.That(model.GetArrows(), Is.Empty);
    }

    [Test]
    public void GetArrows_AcrossPackages_AreSeen()
    {
        var model = Model(
            ("LangSmith.Http/Low/Low.cs", Low),
            ("LangSmith.Http.Export/High.cs", "class High { Package.Low.Thing? Thing; }"));
        Assert.That(model.Errors, Is.Empty);
        var arrow = model.GetArrows().Single();
        Assert.That((arrow.From, arrow.To), Is.EqualTo(("LangSmith.Http.Export", "LangSmith.Http/Low")));
    }

    [Test]
    public void Errors_UnresolvedName_IsReported() =>
        Assert.That(Model(("Package/High/High.cs", "class High { Nothing? Get() => null; }")).Errors, Has.Count.EqualTo(1));

    [Test]
    public void Allows_ArrowAgainstTheRules_IsFalse()
    {
        var model = Model(
            ("Package/High/High.cs", "class High;"),
            ("Package/Low/Low.cs", "class Low { const string Name = nameof(High); }"));
        Assert.That(model.GetArrows().Select(new ArrowRules(Rules).Allows), Is.EqualTo([false]));
        Assert.That(
            model.GetArrows().Single().Describe(),
            Is.EqualTo("Package/Low -> Package/High (1): Package/Low/Low.cs:1 uses High"));
    }

    [Test]
    public void Allows_RoomWithoutARow_IsFalse()
    {
        var model = Model(("Package/Low/Low.cs", Low), ("Package/Other/Other.cs", "class Other : Package.Low.Thing;"));
        Assert.That(model.GetArrows().Select(new ArrowRules(Rules).Allows), Is.EqualTo([false]));
    }

    [Test]
    public void Allows_WhatAnAllowedRoomMayReference_IsTrue()
    {
        var rules = new ArrowRules("""
            Core
              A:
              B: A
              C: B
              DependencyInjection: everything
            Other
              (root): core
              D: (root), core A
              E: core DependencyInjection
            """);
        Assert.Multiple(() =>
        {
            Assert.That(rules.Allows(new Arrow("Core/C", "Core/A", [])));
            Assert.That(rules.Allows(new Arrow("Core/DependencyInjection", "Core/A", [])));
            Assert.That(rules.Allows(new Arrow("Other/D", "Core/C", [])));
            Assert.That(rules.Allows(new Arrow("Other/E", "Core/DependencyInjection", [])));
            Assert.That(rules.Allows(new Arrow("Other", "Core/DependencyInjection", [])), Is.False);
            Assert.That(rules.Allows(new Arrow("Other", "Other/D", [])), Is.False);
            Assert.That(rules.Allows(new Arrow("Core/A", "Core/B", [])), Is.False);
        });
    }

    [TestCase("Core\n  A: B\n  B: A")]
    [TestCase("Core\n  A: B")]
    public void Rules_CycleOrMissingRow_AreRefused(string rules) => Assert.That(() => new ArrowRules(rules), Throws.ArgumentException);

    [Test]
    public void Find_RoomsThatReferenceEachOther_AreOneCycle()
    {
        var model = Model(
            ("Package/A/A.cs", "class A { B? Next; D? Down; }"),
            ("Package/B/B.cs", "class B { void Get() { C.Make(); } }"),
            ("Package/C/C.cs", "class C { public static A? Make() => new(); }"),
            ("Package/D/D.cs", "class D;"));
        var cycle = RoomCycles.Find(model.GetArrows()).Single();
        Assert.That(cycle.Rooms, Is.EqualTo(["Package/A", "Package/B", "Package/C"]));
        Assert.That(cycle.Shortest, Is.EqualTo(["Package/A", "Package/B", "Package/C", "Package/A"]));
    }

    [Test]
    public void Find_RoomsInOneDirection_AreNoCycle()
    {
        var model = Model(
            ("Package/A/A.cs", "class A { B? Next; D? Down; }"),
            ("Package/B/B.cs", "class B { D? Down; }"),
            ("Package/D/D.cs", "class D;"));
        Assert.That(model.GetArrows(), Has.Count.EqualTo(3));
        Assert.That(RoomCycles.Find(model.GetArrows()), Is.Empty);
    }

    private static SourceModel Model(params (string Path, string Text)[] sources) => new(sources);
}
