using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace LangSmith.Http.Runs.Capture;

/// <summary>One member of an object.</summary>
internal sealed class MemberPlan
{
    private readonly JsonPropertyInfo _property;
    private readonly JsonIgnoreCondition _condition;
    private readonly object? _default;

    [UnconditionalSuppressMessage("Trimming", "IL2072", Justification = "The default of a value type needs no constructor.")]
    internal MemberPlan(JsonPropertyInfo property, JsonTypeInfo owner, TypePlans plans)
    {
        _property = property;
        EncodedName = plans.EncodeName(property.Name);
        if (property.ShouldSerialize is null)
            _condition = plans.Options.DefaultIgnoreCondition;
        if (_condition is JsonIgnoreCondition.WhenWritingDefault && property.PropertyType.IsValueType)
            _default = RuntimeHelpers.GetUninitializedObject(property.PropertyType);
        // Numbers have a form of their own where the serializer may write the member at once.
        var numbers = property.NumberHandling ?? owner.NumberHandling;
        if (property.CustomConverter is not null || (numbers is not null && TypePlan.IsClosedType(property.PropertyType, plans, [])))
            Own = plans.FindContract(property, numbers);
        // A converter of the user's may have a form for null.
        OfNull = Own ?? plans.FindConverted(property.PropertyType);
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

    /// <summary>What writes null; null if nothing of the application's does.</summary>
    internal JsonTypeInfo? OfNull { get; }

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
