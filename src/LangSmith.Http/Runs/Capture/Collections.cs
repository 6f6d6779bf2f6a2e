using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Collections.ObjectModel;
using System.Collections.Specialized;
using System.Diagnostics.CodeAnalysis;
using System.Dynamic;
using System.Reflection;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Runs.Capture;

/// <summary>
/// The collections that are enumerated: those of the runtime that hold their elements. To enumerate any other sequence may use it up,
/// block, or never end.
/// </summary>
internal static class Collections
{
    private static readonly HashSet<Type> Listed =
    [
        typeof(List<>), typeof(LinkedList<>), typeof(Queue<>), typeof(Stack<>), typeof(HashSet<>), typeof(SortedSet<>),
        typeof(Dictionary<,>), typeof(Dictionary<,>.KeyCollection), typeof(Dictionary<,>.ValueCollection), typeof(SortedDictionary<,>),
        typeof(SortedList<,>), typeof(ArraySegment<>),
        typeof(ArrayList), typeof(Hashtable), typeof(Queue), typeof(Stack), typeof(SortedList), typeof(BitArray),
        typeof(StringCollection), typeof(StringDictionary), typeof(ListDictionary), typeof(HybridDictionary), typeof(OrderedDictionary),
        typeof(ConcurrentDictionary<,>), typeof(ConcurrentQueue<>), typeof(ConcurrentStack<>), typeof(ConcurrentBag<>),
        typeof(ImmutableArray<>), typeof(ImmutableList<>), typeof(ImmutableQueue<>), typeof(ImmutableStack<>), typeof(ImmutableHashSet<>),
        typeof(ImmutableSortedSet<>), typeof(ImmutableDictionary<,>), typeof(ImmutableSortedDictionary<,>),
        typeof(FrozenSet<>), typeof(FrozenDictionary<,>),
        typeof(Collection<>), typeof(ReadOnlyCollection<>), typeof(ReadOnlyDictionary<,>),
        typeof(ExpandoObject), typeof(JsonArray), typeof(JsonObject),
#if NET9_0_OR_GREATER
        typeof(OrderedDictionary<,>), typeof(ReadOnlySet<>),
#endif
    ];

    // Of packages that are not referenced.
    private static readonly HashSet<string> ListedNames =
    [
        "Microsoft.FSharp.Collections.FSharpList`1", "Microsoft.FSharp.Collections.FSharpSet`1",
        "Microsoft.FSharp.Collections.FSharpMap`2", "Newtonsoft.Json.Linq.JArray", "Newtonsoft.Json.Linq.JObject",
        "Microsoft.Extensions.AI.AdditionalPropertiesDictionary`1",
        "Google.Protobuf.Collections.RepeatedField`1", "Google.Protobuf.Collections.MapField`2",
    ];

    // What these were made over decides. The field's name is the runtime's; if it is missing, they are not enumerated.
    private static readonly Dictionary<Type, string> Wrappers = new()
    {
        [typeof(Collection<>)] = "items",
        [typeof(ReadOnlyCollection<>)] = "list",
        [typeof(ReadOnlyDictionary<,>)] = "m_dictionary",
#if NET9_0_OR_GREATER
        [typeof(ReadOnlySet<>)] = "_set",
#endif
    };

    /// <summary>
    /// True if a type is on the list, or derived from one that is without implementing <see cref="IEnumerable"/> anew.
    /// </summary>
    /// <param name="type">The type.</param>
    /// <param name="wrapped">The field of what it wraps; null if it holds its elements itself.</param>
    internal static bool IsListed(Type type, out FieldInfo? wrapped)
    {
        wrapped = null;
        if (type.IsArray)
            return type.GetArrayRank() == 1;
        // [1, 2, 3] as an IReadOnlyList<int>.
        if (type.Name.StartsWith("<>z__ReadOnly", StringComparison.Ordinal))
            return true;
        for (var candidate = type; candidate is not null; candidate = candidate.BaseType)
        {
            var definition = candidate.IsGenericType ? candidate.GetGenericTypeDefinition() : candidate;
            if (!Listed.Contains(definition) && !ListedNames.Contains(definition.FullName ?? ""))
                continue;
            if (Wrappers.TryGetValue(definition, out var field) && (wrapped = FindField(candidate, field)) is null)
                return false;
            return candidate == type || !IsImplementedAnew(type, candidate);
        }

        return false;
    }

    /// <summary>What a collection declares its elements as, and its keys if it is a dictionary.</summary>
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "Without the interface, elements are judged by their own type.")]
    internal static (Type? Key, Type Element) GetItemTypes(Type type)
    {
        if (type.IsArray)
            return (null, type.GetElementType()!);
        Type? element = null;
        foreach (var implemented in type.GetInterfaces())
        {
            if (!implemented.IsGenericType)
                continue;
            var definition = implemented.GetGenericTypeDefinition();
            if (definition == typeof(IDictionary<,>) || definition == typeof(IReadOnlyDictionary<,>))
                return (implemented.GetGenericArguments()[0], implemented.GetGenericArguments()[1]);
            if (definition == typeof(IEnumerable<>))
                element = implemented.GetGenericArguments()[0];
        }

        var isDictionary = typeof(IDictionary).IsAssignableFrom(type) || type == typeof(StringDictionary);
        return (isDictionary ? typeof(object) : null, element ?? typeof(object));
    }

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "If the field was trimmed, the collection is not enumerated.")]
    private static FieldInfo? FindField(Type type, string name) =>
        type.GetField(name, BindingFlags.Instance | BindingFlags.NonPublic);

    // The runtime's own derived types, such as those of FrozenSet, are free to.
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "The map is of interfaces that are called here.")]
    private static bool IsImplementedAnew(Type type, Type listed)
    {
        if (type.Assembly == listed.Assembly)
            return false;
        try
        {
            return IsAnew(type.GetInterfaceMap(typeof(IEnumerable)))
                || (typeof(IDictionary).IsAssignableFrom(type) && IsAnew(type.GetInterfaceMap(typeof(IDictionary))));
        }
        catch (Exception exception) when (exception is NotSupportedException or InvalidOperationException)
        {
            // NativeAOT knows no such map.
            return true;
        }

        bool IsAnew(InterfaceMapping map) => Array.Exists(map.TargetMethods, method => !method.DeclaringType!.IsAssignableFrom(listed));
    }
}
