using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using LangSmith.Http.Diagnostics;

namespace LangSmith.Http.Runs.Capture;

/// <summary>The plans of one set of options.</summary>
internal sealed class TypePlans
{
    private static readonly ConditionalWeakTable<JsonSerializerOptions, TypePlans> All = [];
    private static TypePlans? s_last;

    private readonly ConcurrentDictionary<Type, TypePlan> _plans = new();
    private TypePlans(JsonSerializerOptions options) => (Options, IsOwn) = (options, PayloadSerializer.IsOwn(options));

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
        // A type that the serializer refuses as a whole, such as one with Id next to id, or with a span.
        catch (InvalidOperationException exception) when (IsOwn && type.IsClass)
        {
            error = exception;
            return NeverThrow.Run((type, Options), static state => CreateInfo(state.type, state.Options), null, out _);
        }
        catch (Exception exception)
        {
            // Attributes and converters are the application's.
            error = exception;
            return null;
        }
    }

    /// <summary>The contract of a type that a converter of the user's writes; null if none does.</summary>
    internal JsonTypeInfo? FindConverted(Type type) =>
        FindInfo(type, out _) is { Kind: JsonTypeInfoKind.None } info && !TypePlan.IsOfSerializer(info) ? info : null;

    // Each public member by its own name, but for those that have no value of their own.
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Only where reflection is on.")]
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "Only where reflection is on.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "Only where reflection is on.")]
    private static JsonTypeInfo? CreateInfo(Type type, JsonSerializerOptions options)
    {
        var info = JsonTypeInfo.CreateJsonTypeInfo(type, options);
        if (info.Kind is not JsonTypeInfoKind.Object)
            return null;
        foreach (var property in type.GetProperties(BindingFlags.Instance | BindingFlags.Public))
        {
            if (property.GetMethod is { IsPublic: true } && property.GetIndexParameters().Length == 0)
                Add(property, property.PropertyType, property.GetValue);
        }

        foreach (var field in type.GetFields(BindingFlags.Instance | BindingFlags.Public))
            Add(field, field.FieldType, field.GetValue);
        return info;

        void Add(MemberInfo member, Type memberType, Func<object, object?> get)
        {
            if (memberType.IsByRef || memberType.IsByRefLike || memberType.IsPointer || member.IsDefined(typeof(JsonIgnoreAttribute), true))
                return;
            var added = info.CreateJsonPropertyInfo(memberType, member.Name);
            (added.Get, added.AttributeProvider) = (get, member);
            info.Properties.Add(added);
        }
    }

    internal bool IsWritten(JsonPropertyInfo property) =>
        property.ShouldSerialize is not null || !(property.Set is null && (property.AttributeProvider is FieldInfo
            ? Options.IgnoreReadOnlyFields : Options.IgnoreReadOnlyProperties));

    internal byte[] EncodeName(string name) =>
        [(byte)'"', .. JsonEncodedText.Encode(name, Options.Encoder).EncodedUtf8Bytes, (byte)'"', (byte)':'];

    /// <summary>The contract of a member's type with the member's own converter and form of numbers.</summary>
    internal JsonTypeInfo? FindContract(JsonPropertyInfo property, JsonNumberHandling? numbers)
    {
        var options = new JsonSerializerOptions(Options) { NumberHandling = numbers ?? Options.NumberHandling };
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
