using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace LangSmith.Http.Runs.Capture;

/// <summary>How values of one type are written under one set of options. Decided once.</summary>
internal sealed class TypePlan
{
    // Of more types than this, nothing is gained by knowing.
    private const int MaxTypes = 200;

    private static readonly HashSet<Type> Keys =
    [
        typeof(object), typeof(string), typeof(decimal), typeof(Guid), typeof(DateTime), typeof(DateTimeOffset), typeof(DateOnly),
        typeof(TimeOnly), typeof(TimeSpan), typeof(Uri), typeof(Version), typeof(Int128), typeof(UInt128), typeof(Half),
    ];

    private static readonly Assembly SystemTextJson = typeof(JsonSerializer).Assembly;

    private TypePlan(Type type, Shape shape) => (Type, Shape) = (type, shape);

    internal Type Type { get; }

    internal Shape Shape { get; private init; }

    /// <summary>The serializer's contract; null if it has none.</summary>
    internal JsonTypeInfo? Info { get; private init; }

    /// <summary>
    /// True if <see cref="JsonSerializer"/> may write the value at once: what it reaches is known from the types alone, and no getter
    /// runs code of the application's.
    /// </summary>
    internal bool IsClosed { get; private init; }

    /// <summary>True if the serializer's own converters write the value, so that the result is JSON.</summary>
    internal bool IsBuiltIn { get; private init; }

    internal MemberPlan[] Members { get; private init; } = [];

    /// <summary>Which members may ask a database.</summary>
    internal LazyLoading? LazyLoading { get; private init; }

    /// <summary>What elements or values are declared as.</summary>
    internal Type Element { get; private init; } = typeof(object);

    /// <summary>The field of what a collection was made over.</summary>
    internal FieldInfo? Wrapped { get; private init; }

    /// <summary>What writes the value if its members do not.</summary>
    internal Action<PayloadWriter, object>? Foreign { get; private init; }

    /// <summary>Why a type's name stands for its values.</summary>
    internal Exception? Error { get; private init; }

    internal static TypePlan Create(Type type, TypePlans plans)
    {
        if ((plans.IsOwn ? ForeignTypes.FindWriter(type) : ForeignTypes.FindLazyWriter(type)) is { } foreign)
            return new TypePlan(type, Shape.Foreign) { Foreign = foreign };
        if (IsNumberedEnum(type, plans))
            return new TypePlan(type, Shape.Enum);
        // A proxy adds members of its own.
        var info = plans.FindInfo(ForeignTypes.WithoutProxy(type), out var error);
        // A converter of the user's says what becomes of its type.
        if (info is { Kind: JsonTypeInfoKind.None } && !IsOfSerializer(info))
            return new TypePlan(type, Shape.Leaf) { Info = info };
        if (type == typeof(string))
            return new TypePlan(type, Shape.Text);
        if (ForeignTypes.IsLeftAlone(type))
            return Unwritten(type, "Tracing leaves values of this type alone.");
        var isNode = type == typeof(JsonObject) || type == typeof(JsonArray);
        if (isNode || (info?.Kind is not JsonTypeInfoKind.None && typeof(IEnumerable).IsAssignableFrom(type)))
            return CreateCollection(type, info, plans);
        return info?.Kind switch
        {
            JsonTypeInfoKind.None => new TypePlan(type, Shape.Leaf) { Info = info, IsBuiltIn = true },
            JsonTypeInfoKind.Object => CreateObject(type, info, plans),
            // A Memory<T>.
            JsonTypeInfoKind.Enumerable when FindToArray(type) is { } toArray => new TypePlan(type, Shape.Foreign)
            {
                Foreign = (writer, value) => writer.WriteValue(toArray.Invoke(value, null)),
            },
            _ when typeof(ITuple).IsAssignableFrom(type) => new TypePlan(type, Shape.Foreign) { Foreign = WriteTuple },
            _ when type.IsEnum => new TypePlan(type, Shape.Enum),
            _ => new TypePlan(type, Shape.Name) { Error = error ?? new NotSupportedException($"{type} has no form in JSON.") },
        };
    }

    private static TypePlan CreateCollection(Type type, JsonTypeInfo? info, TypePlans plans)
    {
        if (!Collections.IsListed(type, out var wrapped))
            return Unwritten(type, "Only collections of the runtime are enumerated; another sequence may be used up by it.");
        var (key, element) = Collections.GetItemTypes(type);
        if (key is not null && !IsKey(key))
            return Unwritten(type, $"{TypeNames.Get(key)} is no name in JSON.");
        return new TypePlan(type, key is null ? Shape.List : Shape.Dictionary)
        {
            Info = info,
            IsClosed = wrapped is null && IsClosedType(type, plans, []),
            IsBuiltIn = true,
            Element = element,
            Wrapped = wrapped,
        };
    }

    private static TypePlan CreateObject(Type type, JsonTypeInfo info, TypePlans plans) => new(type, Shape.Object)
    {
        Info = info,
        IsClosed = IsClosedType(type, plans, []),
        IsBuiltIn = true,
        LazyLoading = LazyLoading.Find(type),
        Members =
        [
            .. info.Properties
                .Where(property => property.Get is not null && plans.IsWritten(property))
                .Select(property => new MemberPlan(property, info, plans)),
        ],
    };

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "If the method was trimmed, the type's name is recorded.")]
    private static MethodInfo? FindToArray(Type type) => type.GetMethod("ToArray", []);

    // A tuple needs no contract.
    private static void WriteTuple(PayloadWriter writer, object value)
    {
        var tuple = (ITuple)value;
        writer.WriteValue(Enumerable.Range(0, tuple.Length).ToDictionary(static i => $"item{i + 1}", i => tuple[i]));
    }

    private static TypePlan Unwritten(Type type, string why) => new(type, Shape.Name) { Error = new NotSupportedException(why) };

    // What a type says of all that its values can reach. A type that holds itself is open: a value may hold a cycle, or be as deep as it
    // likes.
    internal static bool IsClosedType(Type type, TypePlans plans, Dictionary<Type, bool> known)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (known.TryGetValue(type, out var isClosed))
            return isClosed;
        known[type] = false;
        return known[type] = known.Count < MaxTypes && IsClosedCore(type, plans, known);
    }

    private static bool IsClosedCore(Type type, TypePlans plans, Dictionary<Type, bool> known)
    {
        if (plans.FindInfo(type, out _) is not { } info || !IsOfSerializer(info))
            return false;
        if (type == typeof(string) || type.IsPrimitive)
            return true;
        if (IsNumberedEnum(type, plans) || ForeignTypes.IsLeftAlone(type)
            || (plans.IsOwn ? ForeignTypes.FindWriter(type) : ForeignTypes.FindLazyWriter(type)) is not null)
            return false;
        switch (info.Kind)
        {
            case JsonTypeInfoKind.None:
                return type.IsSealed && !typeof(JsonNode).IsAssignableFrom(type);
            case JsonTypeInfoKind.Object:
                return type.IsSealed && info is { PolymorphismOptions: null, OnSerializing: null, OnSerialized: null }
                    && LazyLoading.Find(type) is null
                    && info.Properties.All(property =>
                        property.Get is null || (IsPlain(property) && IsClosedType(property.PropertyType, plans, known)));
            default:
                // The serializer reads these without calling what a subclass may have changed.
                var definition = type.IsGenericType ? type.GetGenericTypeDefinition() : null;
                if (definition == typeof(Memory<>) || definition == typeof(ReadOnlyMemory<>))
                    return IsClosedType(type.GetGenericArguments()[0], plans, known);
                var isExact = type.IsSZArray || definition == typeof(List<>) || definition == typeof(Dictionary<,>);
                var (key, element) = Collections.GetItemTypes(type);
                return isExact && (key is null || IsKey(key)) && IsClosedType(element, plans, known);
        }
    }

    private static bool IsPlain(JsonPropertyInfo property) =>
        property.CustomConverter is null && !property.IsExtensionData && MemberPlan.IsPlain(property);

    // Contracts made ahead of time write numbers.
    private static bool IsNumberedEnum(Type type, TypePlans plans) =>
        type.IsEnum && plans.IsOwn && !JsonSerializer.IsReflectionEnabledByDefault;

    /// <summary>True if a converter of the serializer's or ours writes a type.</summary>
    internal static bool IsOfSerializer(JsonTypeInfo info) =>
        info.Converter is ShortTextConverter || info.Converter.GetType().Assembly == SystemTextJson;

    /// <summary>True if the keys of a dictionary can be names.</summary>
    internal static bool IsKey(Type type) => type.IsPrimitive || type.IsEnum || Keys.Contains(type);
}
