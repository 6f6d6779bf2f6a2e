using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using LangSmith.Http.Diagnostics;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Runs.Capture;

/// <summary>
/// Writes one value as JSON within a budget of bytes, values and depth. What does not fit or cannot be written is replaced at its
/// place by a text that says so. Never throws.
/// </summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "It writes to memory.")]
internal sealed partial class PayloadWriter
{
    private const int MaxDepth = 64;
    private const int MaxValues = 100_000;

    [ThreadStatic]
    private static PayloadWriter? s_idle;

    private readonly PayloadBuffer _buffer = new();
    private readonly object[] _open = new object[MaxDepth];

    private TypePlans _plans = null!;
    private JavaScriptEncoder _encoder = null!;
    private Utf8JsonWriter? _json;
    private int _depth;
    private int _values;
    private bool _isCut;
    private bool _isEndMarked;
    private bool _isFull;
    private Exception? _error;

    // Estimates are corrected before they count.
    private bool IsFull => _isFull || _buffer.Remaining <= 0
        || (_values >= MaxValues && (_values = CountValues(_buffer.Written)) >= MaxValues);

    /// <inheritdoc cref="PayloadSerializer.Serialize(object, JsonSerializerOptions, int, ReadOnlySpan{byte})"/>
    internal static Captured Write(object? value, JsonSerializerOptions options, int maxBytes, ReadOnlySpan<byte> name)
    {
        // A getter may capture something itself.
        var writer = s_idle ?? new PayloadWriter();
        s_idle = null;
        writer.Begin(options, maxBytes);
        try
        {
            writer.WriteValue(value);
            var json = writer._buffer.Written;
            return new Captured(
                name.IsEmpty || JsonPayload.IsObjectText(json) ? json.ToArray() : PayloadSerializer.Wrap(name, json),
                writer._error,
                writer._isCut);
        }
        finally
        {
            writer.End();
            s_idle = writer;
        }
    }

    internal void WriteValue(object? value) => WriteValue(value, typeof(object), null);

    private void Begin(JsonSerializerOptions options, int maxBytes)
    {
        _plans = TypePlans.Of(options);
        _buffer.Limit = maxBytes;
        var encoder = options.Encoder ?? JavaScriptEncoder.Default;
        if (ReferenceEquals(encoder, _encoder))
            return;
        _encoder = encoder;
        _json = new Utf8JsonWriter(_buffer, RawJson.WriterOptions with { Encoder = encoder });
    }

    private void End()
    {
        Array.Clear(_open, 0, _depth);
        _buffer.Clear();
        (_depth, _values, _isCut, _isEndMarked, _isFull, _error) = (0, 0, false, false, false, null);
    }

    // The traced call is not to fail for what is handed over, and a value that fails costs no other.
    private void WriteValue(object? value, Type declared, MemberPlan? member)
    {
        var (start, depth) = (_buffer.Length, _depth);
        try
        {
            _values++;
            WriteGuarded(value, declared, member);
        }
        catch (Exception exception)
        {
            _buffer.SetBack(start);
            while (_depth > depth)
                Close();
            WriteFailure(value?.GetType() ?? declared, exception);
        }
    }

    // A call for each value of a large payload is seen.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteGuarded(object? value, Type declared, MemberPlan? member)
    {
        if (value is null)
        {
            if (member?.OfNull is { } contract)
                WriteWhole(null, declared, contract);
            else
                _buffer.Append("null"u8);
            return;
        }

        if (value is string text && _plans.IsOwn)
        {
            WriteText(text);
            return;
        }

        // Most values of JsonNode are text that was parsed.
        if (value is JsonValue json && _plans.IsOwn && json.TryGetValue<JsonElement>(out var element))
        {
            WriteElement(element);
            return;
        }

        if (member?.Own is { } own)
        {
            WriteWhole(value, declared, own);
            return;
        }

        var type = value.GetType();
        var plan = member is { Plan: { } known } && known.Type == type ? known : _plans.Get(type);
        if (member is not null)
            member.Plan = plan;
        if (declared != type && declared != typeof(object))
        {
            if (WriteDeclared(value, declared, ref plan))
                return;
        }
        else if (plan.Info?.PolymorphismOptions is { } options && TryFindDiscriminator(options, type, out var discriminator))
        {
            WriteObject(value, plan, options, discriminator, plan.LazyLoading);
            return;
        }

        Write(value, plan);
    }

    private void Write(object value, TypePlan plan)
    {
        switch (plan.Shape)
        {
            case Shape.Name:
                WriteName(plan.Type, plan.Error);
                return;
            case Shape.Text:
                WriteText((string)value);
                return;
            case Shape.Enum:
                WriteEnum(value);
                return;
            case Shape.Foreign:
                WriteForeign(value, plan.Foreign!);
                return;
            case Shape.Leaf:
                WriteLeaf(value, plan);
                return;
        }

        // What does not fit, or has a member that cannot be written, is written once more, member by member.
        if (plan.IsClosed && TryWriteWhole(value, plan.Info!, plan.IsBuiltIn) is null)
            return;
        switch (plan.Shape)
        {
            case Shape.Object:
                WriteObject(value, plan, null, null, plan.LazyLoading);
                return;
            case var _ when !MayEnumerate(value, plan):
                WriteName(plan.Type, new NotSupportedException("What the collection was made over is not enumerated."));
                return;
            case Shape.List:
                WriteList(value, plan);
                return;
            default:
                WriteDictionary(value, plan);
                return;
        }
    }

    // What a declared type says of its derived types holds. Without that, the default options write the value by its own type.
    private bool WriteDeclared(object value, Type declared, ref TypePlan plan)
    {
        if (declared.IsValueType || declared.IsArray || value is JsonNode)
            return false;
        var contract = _plans.Get(declared);
        if (contract.Info?.PolymorphismOptions is { } options)
        {
            if (TryFindDiscriminator(options, value.GetType(), out var discriminator))
            {
                WriteObject(value, plan, options, discriminator, plan.LazyLoading);
                return true;
            }

            if (options.UnknownDerivedTypeHandling is JsonUnknownDerivedTypeHandling.FailSerialization)
            {
                WriteName(value.GetType(), new NotSupportedException(
                    $"{TypeNames.Get(value.GetType())} is none of the derived types that {TypeNames.Get(declared)} declares."));
                return true;
            }

            plan = contract;
        }
        else if (!_plans.IsOwn && contract.Shape is Shape.Object && plan.Shape is Shape.Object)
        {
            WriteObject(value, contract, null, null, plan.LazyLoading);
            return true;
        }

        return false;
    }

    private static bool TryFindDiscriminator(JsonPolymorphismOptions options, Type type, out object? discriminator)
    {
        foreach (var derived in options.DerivedTypes)
        {
            if (derived.DerivedType == type)
            {
                discriminator = derived.TypeDiscriminator;
                return true;
            }
        }

        discriminator = null;
        return false;
    }

    private void WriteObject(
        object value, TypePlan plan, JsonPolymorphismOptions? polymorphism, object? discriminator, LazyLoading? loading)
    {
        if (!TryOpen(value))
            return;
        _buffer.Append((byte)'{');
        var isFirst = true;
        if (discriminator is not null)
        {
            isFirst = false;
            WriteKey(polymorphism!.TypeDiscriminatorPropertyName);
            if (discriminator is int number)
                WriteRaw(number.ToString(CultureInfo.InvariantCulture));
            else
                WriteText((string)discriminator);
        }

        var callbackError = Call(plan.Info!.OnSerializing, value);
        foreach (var member in plan.Members)
        {
            if (IsFull)
            {
                CutMembers(isFirst);
                break;
            }

            object? item = null;
            Exception? thrown = callbackError;
            try
            {
                if (loading is not null && member.MayLoad && !loading.IsLoaded(value, member.ClrName))
                    continue;
                if (!member.TryGet(value, out item))
                    continue;
            }
            catch (Exception exception)
            {
                thrown = exception;
            }

            if (thrown is null && member.IsExtensionData)
            {
                if (item is IEnumerable entries)
                    WriteEntries(entries, typeof(object), null, ref isFirst);
                continue;
            }

            if (!isFirst)
                _buffer.Append((byte)',');
            isFirst = false;
            _buffer.Append(member.EncodedName);
            if (thrown is null)
                WriteValue(item, member.DeclaredType, member);
            else
                WriteThrown(thrown);
        }

        _error ??= Call(plan.Info.OnSerialized, value);
        _buffer.Append((byte)'}');
        Close();
    }

    private void WriteList(object value, TypePlan plan)
    {
        if (!TryOpen(value))
            return;
        WriteList((IEnumerable)value, plan.Element, (value as Array)?.Length);
        Close();
    }

    private void WriteList(IEnumerable list, Type declared, int? count)
    {
        _buffer.Append((byte)'[');
        var isFirst = true;
        var items = new Items(list);
        while (items.MoveNext(out var item, out var error))
        {
            if (IsFull)
            {
                if (!_isEndMarked)
                {
                    _isEndMarked = true;
                    Separate(ref isFirst);
                    CutHere(count is { } all ? $"(cut: {all} elements)" : "(cut: more elements)");
                }

                break;
            }

            Separate(ref isFirst);
            if (error is null)
                WriteValue(item, declared, null);
            else
                WriteThrown(error);
        }

        items.Dispose();
        _buffer.Append((byte)']');
    }

    private void WriteDictionary(object value, TypePlan plan)
    {
        if (!TryOpen(value))
            return;
        WriteDictionary((IEnumerable)value, plan.Element);
        Close();
    }

    private void WriteDictionary(IEnumerable dictionary, Type declared)
    {
        _buffer.Append((byte)'{');
        var isFirst = true;
        WriteEntries(dictionary, declared, _plans.Options.DictionaryKeyPolicy, ref isFirst);
        _buffer.Append((byte)'}');
    }

    private void WriteEntries(IEnumerable dictionary, Type declared, JsonNamingPolicy? naming, ref bool isFirst)
    {
        var entries = new Items(dictionary);
        while (entries.MoveNext(out var entry, out var error))
        {
            if (IsFull)
            {
                CutMembers(isFirst);
                break;
            }

            var start = _buffer.Length;
            var wasFirst = isFirst;
            Separate(ref isFirst);
            if (error is not null)
            {
                WriteKey("(threw)");
                WriteThrown(error);
                break;
            }

            var (key, item) = Items.Split(entry!);
            if (key is not null && TryWriteKey(key, naming))
            {
                WriteValue(item, declared, null);
                continue;
            }

            _buffer.SetBack(start);
            isFirst = wasFirst;
            if (key is string)
            {
                // The key is longer than what is left.
                _isFull = true;
                CutMembers(isFirst);
                break;
            }

            _error ??= new NotSupportedException($"{(key is null ? "null" : TypeNames.Get(key.GetType()))} is no key of JSON.");
        }

        entries.Dispose();
    }

    private bool TryWriteKey(object key, JsonNamingPolicy? naming)
    {
        switch (key)
        {
            case string text:
                if (text.Length > _buffer.Remaining)
                    return false;
                WriteKey(naming?.ConvertName(text) ?? text);
                return true;
            case bool or char:
                WriteKey(key.ToString()!);
                return true;
            case Enum when naming is not null || _plans.Get(key.GetType()).Shape is Shape.Enum:
                WriteKey(naming?.ConvertName(key.ToString()!) ?? key.ToString()!);
                return true;
            case int or long or Guid:
                WriteKey(((IFormattable)key).ToString(null, CultureInfo.InvariantCulture));
                return true;
            default:
                return TypePlan.IsKey(key.GetType()) && TryWriteScalarKey(key);
        }
    }

    // As the serializer writes it as a value.
    private bool TryWriteScalarKey(object key)
    {
        var start = _buffer.Length;
        if (_plans.Get(key.GetType()).Info is not { } info || TryWriteWhole(key, info, isBuiltIn: true) is not null)
            return false;
        if (_buffer.Written[start] != '"')
        {
            // An enum's number is no name.
            var name = key is Enum ? key.ToString() : Encoding.UTF8.GetString(_buffer.Written[start..]);
            _buffer.SetBack(start);
            WriteText(name);
        }

        _buffer.Append((byte)':');
        return true;
    }

    private void WriteKey(string name)
    {
        WriteText(name, name.Length);
        _buffer.Append((byte)':');
    }

    private void CutMembers(bool isFirst)
    {
        if (_isEndMarked)
            return;
        _isEndMarked = true;
        Separate(ref isFirst);
        _buffer.Append("\"(cut)\":"u8);
        CutHere("(cut: more members)");
    }

    private void Separate(ref bool isFirst)
    {
        if (!isFirst)
            _buffer.Append((byte)',');
        isFirst = false;
    }

    // Writes what stands for a value that may not be opened.
    private bool TryOpen(object value)
    {
        for (var i = _depth - 1; i >= 0; i--)
        {
            if (ReferenceEquals(_open[i], value))
            {
                _buffer.Append("null"u8);
                return false;
            }
        }

        if (_depth == MaxDepth)
        {
            WriteText("(cut: deeper than 64 levels)");
            return false;
        }

        _open[_depth++] = value;
        return true;
    }

    private void Close() => _open[--_depth] = null!;

    // What a wrapper was made over has to be on the list itself.
    private bool MayEnumerate(object value, TypePlan plan)
    {
        if (plan.Shape is not (Shape.List or Shape.Dictionary))
            return false;
        return plan.Wrapped?.GetValue(value) is not { } inner ? plan.Wrapped is null : MayEnumerate(inner, _plans.Get(inner.GetType()));
    }

    private static Exception? Call(Action<object>? callback, object value) =>
        callback is null ? null : NeverThrow.Run((callback, value), static state => state.callback(state.value));
}
