using System.Collections.ObjectModel;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>Any graph of objects is recorded as valid JSON within its budget.</summary>
[TestFixture]
public class GraphPropertyTests
{
    private const int Mark = 1024;

    [TestCase(false)]
    [TestCase(true)]
    public void Graph_OfAnyShape_IsValidJsonWithinItsBudget(bool hasUsersOptions)
    {
        var options = hasUsersOptions
            ? PayloadSerializer.WithResolver(new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.KebabCaseLower })
            : PayloadSerializer.DefaultOptions;
        var cases = from nodes in Gen.Choose(1, 60)
                    from links in Gen.Choose(0, 40).ArrayOf()
                    from leaves in Leaf().ArrayOf()
                    from kinds in Gen.Choose(0, 8).ArrayOf()
                    from kilobytes in Gen.Choose(16, 256)
                    select (Root: Link(nodes, links, leaves, kinds), Bytes: kilobytes * 1024);

        Check.One(Config.QuickThrowOnFailure.WithMaxTest(400).WithEndSize(60).WithQuietOnSuccess(true), Prop.ForAll(cases.ToArbitrary(), input =>
        {
            var (json, error, _) = PayloadSerializer.Serialize(input.Root, options, input.Bytes);
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 200 });
            while (reader.Read())
            {
            }

            return json.Length <= input.Bytes + Mark && error is not JsonException;
        }));
    }

    private static Gen<object?> Leaf() => Gen.OneOf(
        Gen.Constant<object?>(null),
        Gen.Choose(0, 100_000).Select(static length => (object?)new string('x', length)),
        Gen.Choose(0, 5_000).Select(static length => (object?)string.Concat(Enumerable.Repeat("\"é😀\u0001", length))),
        Gen.Choose(0, 100_000).Select(static length => (object?)new byte[length]),
        Gen.Choose(0, 20_000).Select(static length => (object?)new int[length]),
        Gen.Choose(0, 5_000).Select(static length => (object?)Enumerable.Repeat("item", length).ToList()),
        Gen.Choose(0, 1_000).Select(static i => (object?)JsonSerializer.SerializeToElement(new { i, text = new string('j', 50 * i) })),
        Gen.Elements<object?>(1, 2.5, double.NaN, true, 'c', "\ud800", Guid.Empty, new Throwing(), new Lazy<int>(), Stream.Null, typeof(int), (1, "two")));

    // Nodes of all kinds that hold each other, themselves and the leaves.
    private static object Link(int count, int[] links, object?[] leaves, int[] kinds)
    {
        var nodes = Enumerable.Range(0, count).Select(i => Make(kinds.Length == 0 ? i % 9 : kinds[i % kinds.Length])).ToArray();
        var items = leaves.Concat(nodes).ToArray();
        for (var i = 0; i < links.Length * 3; i++)
        {
            var item = items[(i * 7 + links[i % links.Length]) % items.Length];
            switch (nodes[(i + links[i % links.Length]) % count])
            {
                case List<object?> list:
                    list.Add(item);
                    break;
                case Dictionary<string, object?> map:
                    map[$"key {i}"] = item;
                    break;
                case Node node:
                    (node.Left, node.Right) = (node.Right ?? node, item);
                    break;
                case object?[] array:
                    array[i % array.Length] = item;
                    break;
                case Collection<object?> collection:
                    collection.Add(item);
                    break;
            }
        }

        return nodes[0];
    }

    private static object Make(int kind) => kind switch
    {
        0 or 1 => new List<object?>(),
        2 or 3 => new Dictionary<string, object?>(),
        4 => new object?[5],
        5 => new Collection<object?>(),
        _ => new Node(),
    };

    private class Node
    {
        public object? Left { get; set; }

        public object? Right { get; set; }
    }

    private sealed class Throwing : Node
    {
        public string Message => throw new InvalidOperationException($"{Left}");
    }
}
