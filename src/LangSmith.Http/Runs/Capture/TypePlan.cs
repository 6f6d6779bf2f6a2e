using System.Collections;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace LangSmith.Http.Runs.Capture;

/// <summary>How values of a type are written.</summary>
internal enum Shape
{
    /// <summary>Not at all: the type's name stands for the value.</summary>
    Name,

    /// <summary>A string.</summary>
    Text,

    /// <summary>An enum without metadata.</summary>
    Enum,

    /// <summary>By a method of <see cref="ForeignTypes"/>.</summary>
    Foreign,

    /// <summary>By <see cref="JsonSerializer"/>.</summary>
    Leaf,

    /// <summary>Member by member.</summary>
    Object,

    /// <summary>Element by element.</summary>
    List,

    /// <summary>Entry by entry.</summary>
    Dictionary,
}

/// <summary>How values of one type are written under one set of options. Decided once.</summary>
internal sealed class TypePlan
{
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

    internal Action<PayloadWriter, object>? Foreign { get; private init; }

    /// <summary>Why a type's name stands for its values.</summary>
    internal Exception? Error { get; private init; }

    internal static TypePlan Create(Type type, TypePlans plans)
    {
        if (plans.IsOwn && ForeignTypes.FindWriter(type) is { } foreign)
            return new TypePlan(type, Shape.Foreign) { Foreign = foreign };
        if (ForeignTypes.FindLazyWriter(type) is { } lazy)
            return new TypePlan(type, Shape.Foreign) { Foreign = lazy };
        // A proxy adds members of its own.
        var info = plans.FindInfo(ForeignTypes.WithoutProxy(type), out var error);
        var isBuiltIn = info is not null && IsOfSerializer(info);
        // Contracts made ahead of time write numbers.
        if (IsNumberedEnum(type, plans))
            return new TypePlan(type, Shape.Enum);
        // A converter of the user's says what becomes of its type.
        if (info is not null && !isBuiltIn && info.Kind == JsonTypeInfoKind.None)
            return new TypePlan(type, Shape.Leaf) { Info = info };
        if (type == typeof(string))
            return new TypePlan(type, Shape.Text) { Info = info };
        if (typeof(JsonNode).IsAssignableFrom(type) && info is not null)
        {
            var shape = type == typeof(JsonObject) ? Shape.Dictionary : type == typeof(JsonArray) ? Shape.List : Shape.Leaf;
            return new TypePlan(type, shape) { Info = info, IsClosed = true, Element = typeof(JsonNode) };
        }

        if (ForeignTypes.IsLeftAlone(type))
            return new TypePlan(type, Shape.Name) { Error = new NotSupportedException("Tracing leaves values of this type alone.") };
        if (typeof(IEnumerable).IsAssignableFrom(type) && info?.Kind is not JsonTypeInfoKind.None)
            return CreateCollection(type, info, plans, error);
        return info switch
        {
            { Kind: JsonTypeInfoKind.None } => new TypePlan(type, Shape.Leaf) { Info = info, IsBuiltIn = true, IsClosed = IsClosedType(type, plans, []) },
            { Kind: JsonTypeInfoKind.Object } => CreateObject(type, info, plans),
            _ when type.IsEnum => new TypePlan(type, Shape.Enum),
            _ => new TypePlan(type, Shape.Name) { Error = error ?? new NotSupportedException("Values of this type cannot be written as JSON.") },
        };
    }

    private static TypePlan CreateCollection(Type type, JsonTypeInfo? info, TypePlans plans, Exception? error)
    {
        if (!Collections.IsListed(type, out var wrapped))
        {
            return new TypePlan(type, Shape.Name)
            {
                Error = new NotSupportedException("Only collections of the runtime are enumerated; another sequence may be used up by it."),
            };
        }

        var (key, element) = Collections.GetElementType(type);
        if (key is not null && !IsKey(key))
            return new TypePlan(type, Shape.Name) { Error = error ?? new NotSupportedException($"{TypeNames.Get(key)} is no key of JSON.") };
        return new TypePlan(type, key is not null ? Shape.Dictionary : Shape.List)
        {
            Info = info,
            IsClosed = wrapped is null && info is not null && IsClosedType(type, plans, []),
            IsBuiltIn = true,
            Element = element,
            Wrapped = wrapped,
        };
    }

    private static TypePlan CreateObject(Type type, JsonTypeInfo info, TypePlans plans)
    {
        var loading = LazyLoading.Find(type);
        return new TypePlan(type, Shape.Object)
        {
            Info = info,
            IsBuiltIn = true,
            IsClosed = loading is null && IsClosedType(type, plans, []),
            LazyLoading = loading,
            Members = [.. info.Properties.Where(property => property.Get is not null && plans.IsWritten(property)).Select(property => new MemberPlan(property, plans))],
        };
    }

    /// <summary>True if all that a value of this declared type can reach is known, holds its elements, and runs no code when it is read.</summary>
    private static bool IsClosedType(Type type, TypePlans plans, HashSet<Type> open)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
            return IsClosedType(underlying, plans, open);
        // A type that holds itself may hold a cycle, or be as deep as it likes.
        if (!open.Add(type) || open.Count > 64)
            return false;
        try
        {
            return IsClosedCore(type, plans, open);
        }
        finally
        {
            open.Remove(type);
        }
    }

    private static bool IsClosedCore(Type type, TypePlans plans, HashSet<Type> open)
    {
        if (type == typeof(string) || type.IsPrimitive)
            return plans.FindInfo(type, out _) is { } known && IsOfSerializer(known);
        if (IsNumberedEnum(type, plans) || (plans.IsOwn && ForeignTypes.FindWriter(type) is not null) || ForeignTypes.FindLazyWriter(type) is not null || ForeignTypes.IsLeftAlone(type))
            return false;
        if (plans.FindInfo(type, out _) is not { } info || !IsOfSerializer(info)
            || info.PolymorphismOptions is not null || info.OnSerializing is not null || info.OnSerialized is not null)
            return false;
        switch (info.Kind)
        {
            case JsonTypeInfoKind.None:
                return (type.IsValueType || type.IsSealed) && !typeof(JsonNode).IsAssignableFrom(type);
            case JsonTypeInfoKind.Enumerable or JsonTypeInfoKind.Dictionary:
                var definition = type.IsGenericType ? type.GetGenericTypeDefinition() : null;
                var isExact = type.IsSZArray || type.IsValueType || definition == typeof(List<>) || definition == typeof(Dictionary<,>);
                var (key, element) = Collections.GetElementType(type);
                return isExact && Collections.IsListed(type, out _) && IsClosedType(element, plans, open) && (key is null || IsKey(key));
            case JsonTypeInfoKind.Object:
                return (type.IsValueType || type.IsSealed) && LazyLoading.Find(type) is null && info.Properties.All(property =>
                    property.Get is null
                    || (property.CustomConverter is null && !property.IsExtensionData && MemberPlan.IsPlain(property)
                        && IsClosedType(property.PropertyType, plans, open)));
            default:
                return false;
        }
    }

    private static bool IsNumberedEnum(Type type, TypePlans plans) =>
        type.IsEnum && plans.IsOwn && !JsonSerializer.IsReflectionEnabledByDefault;

    private static bool IsOfSerializer(JsonTypeInfo info) =>
        info.Converter is ShortTextConverter || info.Converter.GetType().Assembly == SystemTextJson;

    /// <summary>True if the keys of a dictionary can be names.</summary>
    internal static bool IsKey(Type type) => type.IsPrimitive || type.IsEnum || type == typeof(string) || type == typeof(object)
        || type == typeof(decimal) || type == typeof(Guid) || type == typeof(DateTime) || type == typeof(DateTimeOffset) || type == typeof(DateOnly)
        || type == typeof(TimeOnly) || type == typeof(TimeSpan) || type == typeof(Uri) || type == typeof(Version)
        || type == typeof(Int128) || type == typeof(UInt128) || type == typeof(Half);
}

/// <summary>One member of an object.</summary>
internal sealed class MemberPlan
{
    private readonly JsonPropertyInfo _property;
    private readonly JsonIgnoreCondition _condition;
    private readonly object? _default;

    [UnconditionalSuppressMessage("Trimming", "IL2072", Justification = "The default of a value type needs no constructor.")]
    internal MemberPlan(JsonPropertyInfo property, TypePlans plans)
    {
        _property = property;
        EncodedName = plans.EncodeName(property.Name);
        if (property.ShouldSerialize is null)
            _condition = plans.Options.DefaultIgnoreCondition;
        if (_condition is JsonIgnoreCondition.WhenWritingDefault && property.PropertyType.IsValueType)
            _default = RuntimeHelpers.GetUninitializedObject(property.PropertyType);
        if (property.CustomConverter is not null || property.NumberHandling is not null)
            Own = plans.WithContractOf(property);
        ClrName = (property.AttributeProvider as MemberInfo)?.Name ?? property.Name;
        IsExtensionData = property.IsExtensionData;
        MayLoad = !DeclaredType.IsValueType && DeclaredType != typeof(string) && DeclaredType != typeof(byte[]) && !IsPlain(property);
    }

    /// <summary>The name in UTF-8 with quotes and colon.</summary>
    internal byte[] EncodedName { get; }

    internal string ClrName { get; }

    internal Type DeclaredType => _property.PropertyType;

    internal bool IsExtensionData { get; }

    /// <summary>The contract if the member has a converter or a form of numbers of its own.</summary>
    internal JsonTypeInfo? Own { get; }

    /// <summary>The plan of a declared type that has no other; looked up once.</summary>
    internal TypePlan? Plan { get; set; }

    /// <summary>True if a member is read without running code of the application's.</summary>
    internal static bool IsPlain(JsonPropertyInfo property) => property.AttributeProvider switch
    {
        FieldInfo => true,
        PropertyInfo { GetMethod: { IsVirtual: false } getter } => IsGenerated(getter) || IsGenerated(getter.DeclaringType!),
        PropertyInfo { GetMethod: { IsFinal: true } getter } => IsGenerated(getter),
        _ => false,
    };

    private static bool IsGenerated(MemberInfo member) => member.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false);

    /// <summary>True if reading the member may ask a database.</summary>
    internal bool MayLoad { get; }

    /// <summary>Reads the member; false if the contract leaves it out. May throw: a getter is the application's.</summary>
    internal bool TryGet(object owner, out object? value)
    {
        value = _property.Get!(owner);
        if (_property.ShouldSerialize is { } shouldSerialize)
            return shouldSerialize(owner, value);
        return _condition switch
        {
            JsonIgnoreCondition.WhenWritingNull => value is not null,
            JsonIgnoreCondition.WhenWritingDefault => value is not null && !value.Equals(_default),
            _ => true,
        };
    }
}

/// <summary>The plans of one set of options.</summary>
internal sealed class TypePlans
{
    private static readonly ConditionalWeakTable<JsonSerializerOptions, TypePlans> All = [];
    private static TypePlans? s_last;

    private readonly ConcurrentDictionary<Type, TypePlan> _plans = new();
    private readonly JsonSerializerOptions? _plainNames;

    private TypePlans(JsonSerializerOptions options)
    {
        Options = options;
        IsOwn = PayloadSerializer.IsOwn(options);
        if (IsOwn && options.PropertyNamingPolicy is not null)
            _plainNames = new JsonSerializerOptions(options) { PropertyNamingPolicy = null, PropertyNameCaseInsensitive = false };
    }

    internal JsonSerializerOptions Options { get; }

    /// <summary>True for the default options. Others say themselves what becomes of a type.</summary>
    internal bool IsOwn { get; }

    internal static TypePlans Of(JsonSerializerOptions options)
    {
        if (s_last is { } last && ReferenceEquals(last.Options, options))
            return last;
        return s_last = All.GetValue(options, static options => new TypePlans(options));
    }

    internal TypePlan Get(Type type) => _plans.TryGetValue(type, out var plan)
        ? plan
        : _plans.GetOrAdd(type, TypePlan.Create, this);

    /// <summary>The serializer's contract of a type; null if there is none, and why.</summary>
    internal JsonTypeInfo? FindInfo(Type type, out Exception? error)
    {
        error = null;
        try
        {
            return Options.GetTypeInfo(type);
        }
        // Id next to id: with a naming policy they are the same.
        catch (InvalidOperationException) when (_plainNames is not null)
        {
            try
            {
                return _plainNames.GetTypeInfo(type);
            }
            catch (Exception exception)
            {
                error = exception;
                return null;
            }
        }
        catch (Exception exception)
        {
            // Attributes and converters are the application's.
            error = exception;
            return null;
        }
    }

    internal bool IsWritten(JsonPropertyInfo property) =>
        property.ShouldSerialize is not null || !(property.Set is null && (property.AttributeProvider is FieldInfo
            ? Options.IgnoreReadOnlyFields : Options.IgnoreReadOnlyProperties));

    internal byte[] EncodeName(string name) =>
        [(byte)'"', .. JsonEncodedText.Encode(name, Options.Encoder).EncodedUtf8Bytes, (byte)'"', (byte)':'];

    /// <summary>The contract of a member's type with the member's own converter and form of numbers.</summary>
    internal JsonTypeInfo? WithContractOf(JsonPropertyInfo property)
    {
        var options = new JsonSerializerOptions(Options) { NumberHandling = property.NumberHandling ?? Options.NumberHandling };
        if (property.CustomConverter is { } converter)
            options.Converters.Insert(0, converter);
        try
        {
            return options.GetTypeInfo(property.PropertyType);
        }
        catch (Exception exception) when (exception is NotSupportedException or InvalidOperationException)
        {
            return null;
        }
    }
}
