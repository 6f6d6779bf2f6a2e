using System.Collections.Specialized;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Primitives;

namespace LangSmith.Http.Runs.Capture;

/// <summary>
/// Types whose members are not what their author means, or that are not to be touched. Packages that are not referenced are
/// recognised by the names of their types.
/// </summary>
internal static class ForeignTypes
{
    private const int MaxIntegerBytes = 4096;

    // Their members run, read or hold what is not the payload's: connections, threads, credentials, services.
    private static readonly string[] LeftAloneNamespaces =
    [
        "Microsoft.AspNetCore.Http", "Microsoft.EntityFrameworkCore", "Microsoft.Extensions.DependencyInjection",
        "Microsoft.Extensions.Hosting", "Microsoft.Extensions.Logging", "System.Data", "System.Diagnostics", "System.IO", "System.Linq",
        "System.Net", "System.Reflection", "System.Runtime", "System.Security", "System.Threading",
    ];

    private static readonly HashSet<string> LeftAloneInterfaces =
    [
        "System.IServiceProvider", "System.IAsyncResult", "System.Collections.IEnumerator",
        "System.Collections.Generic.IAsyncEnumerable`1", "System.Collections.Generic.IAsyncEnumerator`1", "System.Linq.IQueryable",
        "System.Data.IDataReader", "System.Data.IDbConnection",
        "System.Data.IDbCommand", "System.ComponentModel.IListSource", "Microsoft.Extensions.Logging.ILogger",
        "NHibernate.Proxy.INHibernateProxy",
    ];

    private static readonly HashSet<string> LeftAloneTypes = ["System.Collections.Generic.PriorityQueue`2"];

    // A result's value, in a namespace of messages.
    private static readonly HashSet<string> Problems = ["Microsoft.AspNetCore.Http.HttpValidationProblemDetails"];

    private static readonly HashSet<string> TextTypes =
    [
        "System.Index", "System.Range", "System.Text.Rune", "System.Text.RegularExpressions.Regex",
        "System.Net.IPAddress", "System.Net.IPEndPoint", "System.Net.DnsEndPoint", "System.Net.IPNetwork",
        "System.Net.NetworkInformation.PhysicalAddress", "System.Net.Mail.MailAddress",
        "Microsoft.AspNetCore.Http.PathString", "Microsoft.AspNetCore.Http.QueryString", "Microsoft.AspNetCore.Http.HostString",
        "Microsoft.AspNetCore.Http.FragmentString", "Microsoft.Extensions.Primitives.StringSegment",
    ];

    private static readonly HashSet<string> ResultBases =
    [
        "Microsoft.AspNetCore.Mvc.ObjectResult", "Microsoft.AspNetCore.Mvc.JsonResult", "Microsoft.AspNetCore.Mvc.ActionResult`1",
    ];

    /// <summary>
    /// True for work still to be done, and for what connects, holds or reads something else: its type's name is recorded.
    /// </summary>
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "An interface nobody uses is nobody's.")]
    internal static bool IsLeftAlone(Type type)
    {
        if (type.IsPrimitive || type.IsEnum || type == typeof(string))
            return type == typeof(nint) || type == typeof(nuint);
        if (type.IsPointer || type.IsByRefLike || typeof(Delegate).IsAssignableFrom(type) || typeof(MemberInfo).IsAssignableFrom(type))
            return !typeof(Type).IsAssignableFrom(type);
        if (FindBase(type, Problems) is not null)
            return false;
        if (FindBase(type, LeftAloneTypes) is not null)
            return true;
        for (var candidate = type; candidate is not null && candidate != typeof(object); candidate = candidate.BaseType)
        {
            if (IsIn(candidate.Namespace ?? "") && !typeof(Exception).IsAssignableFrom(candidate))
                return true;
        }

        return type == typeof(IServiceProvider)
            || Array.Exists(type.GetInterfaces(), static implemented => LeftAloneInterfaces.Contains(GetName(implemented)));

        static bool IsIn(string space) => Array.Exists(LeftAloneNamespaces, left => space.StartsWith(left, StringComparison.Ordinal)
            && (space.Length == left.Length || space[left.Length] == '.'));
    }

    /// <summary>What writes a value of this type in the form its author means; null if its members do.</summary>
    internal static Action<PayloadWriter, object>? FindWriter(Type type)
    {
        if (FindBase(type, TextTypes) is not null || type == typeof(Memory<char>) || type == typeof(ReadOnlyMemory<char>))
            return static (writer, value) => writer.WriteText(value.ToString());
        if (typeof(Type).IsAssignableFrom(type))
            return static (writer, value) => writer.WriteText(TypeNames.Get((Type)value));
        if (typeof(Exception).IsAssignableFrom(type))
            return static (writer, value) => writer.WriteText($"{TypeNames.Get(value.GetType())}: {((Exception)value).Message}");
        if (type == typeof(BigInteger))
            return WriteInteger;
        if (typeof(JsonValue).IsAssignableFrom(type))
            return WriteJsonValue;
        if (type == typeof(StringBuilder))
            return static (writer, value) => writer.WriteText((StringBuilder)value);
        if (type == typeof(TimeZoneInfo))
            return static (writer, value) => writer.WriteText(((TimeZoneInfo)value).Id);
        if (typeof(Encoding).IsAssignableFrom(type))
            return static (writer, value) => writer.WriteText(((Encoding)value).WebName);
        if (typeof(CultureInfo).IsAssignableFrom(type))
            return static (writer, value) => writer.WriteText(((CultureInfo)value).Name);
        if (type == typeof(StringValues))
            return static (writer, value) => WriteStrings(writer, (string?[]?)(StringValues)value);
        // Only the runtime's: the overrides of another subclass may read a request.
        if (typeof(NameValueCollection).IsAssignableFrom(type) && type.Namespace is "System.Collections.Specialized" or "System.Web")
            return WriteNamesAndValues;
        return FindLazyWriter(type) ?? FindNewtonsoftWriter(type) ?? FindClientModelWriter(type) ?? FindResultWriter(type)
            ?? FindFSharpWriter(type);
    }

    /// <summary>The entity's type if a type is a proxy that EF Core made of it.</summary>
    internal static Type WithoutProxy(Type type) =>
        type is { Namespace: "Castle.Proxies", BaseType: { } entity } && entity != typeof(object) ? entity : type;

    private static string GetName(Type type) =>
        type.IsConstructedGenericType ? GetName(type.GetGenericTypeDefinition()) : type.FullName ?? type.Name;

    // It may hold an object, which the serializer would enumerate.
    private static void WriteJsonValue(PayloadWriter writer, object value)
    {
        if (((JsonValue)value).TryGetValue<object>(out var inner))
            writer.WriteValue(inner);
        else
            writer.WriteWhole(value, PayloadSerializer.DefaultOptions.GetTypeInfo(typeof(JsonNode)));
    }

    // The time that digits take grows with their square.
    private static void WriteInteger(PayloadWriter writer, object value)
    {
        var integer = (BigInteger)value;
        if (integer.GetByteCount() > MaxIntegerBytes)
            writer.WriteText($"(cut: a number of {integer.GetByteCount()} bytes)");
        else
            writer.WriteRaw(integer.ToString(CultureInfo.InvariantCulture));
    }

    private static void WriteStrings(PayloadWriter writer, string?[]? values) =>
        writer.WriteValue(values switch { null or [] => null, [var value] => value, _ => values });

    private static void WriteNamesAndValues(PayloadWriter writer, object value)
    {
        var given = (NameValueCollection)value;
        var all = new Dictionary<string, object?>(given.Count);
        for (var i = 0; i < given.Count; i++)
            all[given.GetKey(i) ?? ""] = given.GetValues(i) switch { null or [] => null, [var single] => single, var several => several };
        writer.WriteValue(all);
    }

    // The value if there is one: making it runs the application's factory.
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "If the properties were trimmed, the type's name is recorded.")]
    internal static Action<PayloadWriter, object>? FindLazyWriter(Type type)
    {
        var lazy = FindBase(type, ["System.Lazy`1"]);
        if (lazy is null)
            return null;
        var (isCreated, created) = (lazy.GetProperty("IsValueCreated"), lazy.GetProperty("Value"));
        return (writer, value) =>
        {
            if (isCreated?.GetValue(value) is true)
                writer.WriteValue(created?.GetValue(value));
            else
                writer.WriteName(value.GetType(), null);
        };
    }

    // Objects and arrays are walked. A JRaw is JSON text.
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "Newtonsoft.Json does not support trimming.")]
    private static Action<PayloadWriter, object>? FindNewtonsoftWriter(Type type)
    {
        if (FindBase(type, ["Newtonsoft.Json.Linq.JRaw"]) is not null)
            return static (writer, value) => writer.WriteRaw(value.ToString());
        if (FindBase(type, ["Newtonsoft.Json.Linq.JValue"])?.GetProperty("Value") is not { } property)
            return null;
        return (writer, value) =>
        {
            var inner = property.GetValue(value);
            // As Newtonsoft.Json writes it.
            writer.WriteValue(inner is Enum number ? Convert.ToDecimal(number, CultureInfo.InvariantCulture) : inner);
        };
    }

    // Types that write themselves, such as OpenAI's ChatCompletion. Their package has a converter for them.
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "In such an application the user adds the converter.")]
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "In such an application the user adds the converter.")]
    [UnconditionalSuppressMessage("Trimming", "IL2072", Justification = "In such an application the user adds the converter.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "In such an application the user adds the converter.")]
    private static Action<PayloadWriter, object>? FindClientModelWriter(Type type)
    {
        if (!JsonSerializer.IsReflectionEnabledByDefault)
            return null;
        var model = Array.Find(type.GetInterfaces(), static implemented =>
            GetName(implemented) is "System.ClientModel.Primitives.IJsonModel`1" or "System.ClientModel.Primitives.IPersistableModel`1");
        if (model?.Assembly.GetType("System.ClientModel.Primitives.JsonModelConverter") is not { } found
            || Activator.CreateInstance(found) is not JsonConverter converter)
            return null;
        var options = new JsonSerializerOptions(PayloadSerializer.DefaultOptions);
        options.Converters.Insert(0, converter);
        return (writer, value) => writer.WriteWhole(value, options.GetTypeInfo(value.GetType()));
    }

    // ASP.NET Core's results: TypedResults.Ok(value), Results<Ok<T>, NotFound>, ObjectResult, ActionResult<T>.
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "If an interface was trimmed, the type's name is recorded.")]
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "If a property was trimmed, the type's name is recorded.")]
    private static Action<PayloadWriter, object>? FindResultWriter(Type type)
    {
        var interfaces = type.GetInterfaces();
        var declaring = Array.Find(interfaces, static implemented => implemented.FullName is "Microsoft.AspNetCore.Http.INestedHttpResult")
            ?? Array.Find(interfaces, static implemented => implemented.FullName is "Microsoft.AspNetCore.Http.IValueHttpResult")
            ?? FindBase(type, ResultBases);
        if (declaring is null)
            return null;
        PropertyInfo?[] properties = [declaring.GetProperty("Result"), declaring.GetProperty("Value")];
        return (writer, value) =>
        {
            var inner = properties.Select(property => property?.GetValue(value)).FirstOrDefault(static inner => inner is not null);
            if (inner is null)
                writer.WriteName(value.GetType(), null);
            else
                writer.WriteValue(inner);
        };
    }

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "If the property was trimmed, the members are recorded.")]
    private static Action<PayloadWriter, object>? FindFSharpWriter(Type type)
    {
        if (GetName(type) is not ("Microsoft.FSharp.Core.FSharpOption`1" or "Microsoft.FSharp.Core.FSharpValueOption`1")
            || type.GetProperty("Value") is not { } property)
            return null;
        var isNone = type.IsValueType ? type.GetProperty("IsNone") : null;
        return (writer, value) => writer.WriteValue(isNone?.GetValue(value) is true ? null : property.GetValue(value));
    }

    private static Type? FindBase(Type type, HashSet<string> names)
    {
        for (var candidate = type; candidate is not null; candidate = candidate.BaseType)
        {
            if (names.Contains(GetName(candidate)))
                return candidate;
        }

        return null;
    }
}
