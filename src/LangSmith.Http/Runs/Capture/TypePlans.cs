using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace LangSmith.Http.Runs.Capture;

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
