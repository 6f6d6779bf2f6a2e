using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
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
internal sealed class PayloadWriter
{
    private const int MaxDepth = 64;
    private const int MaxValues = 100_000;

    // A number or word may pass the limit.
    private const int Short = 32;

    private static readonly BudgetException OverBudget = new();

    [ThreadStatic]
    private static PayloadWriter? t_idle;

    private readonly PayloadBuffer _buffer = new();
    private readonly object[] _open = new object[MaxDepth];

    private TypePlans _plans = null!;
    private JavaScriptEncoder _encoder = null!;
    private Utf8JsonWriter? _json;
    private int _depth;
    private int _values;
    private bool _isCut;
    private bool _isEndMarked;
    private Exception? _error;

    private bool IsFull => _values >= MaxValues || _buffer.Remaining <= 0;

    /// <inheritdoc cref="PayloadSerializer.Serialize(object, JsonSerializerOptions, int, ReadOnlySpan{byte})"/>
    internal static Captured Write(object? value, JsonSerializerOptions options, int maxBytes, ReadOnlySpan<byte> name)
    {
        // A getter may capture something itself.
        var writer = t_idle ?? new PayloadWriter();
        t_idle = null;
        writer.Begin(options, maxBytes);
        try
        {
            writer.WriteRoot(value);
            var json = writer._buffer.Written;
            return new Captured(
                name.IsEmpty || JsonPayload.IsObjectText(json) ? json.ToArray() : PayloadSerializer.Wrap(name, json), writer._error, writer._isCut);
        }
        finally
        {
            writer.End();
            t_idle = writer;
        }
    }

    private void WriteRoot(object? value)
    {
        try
        {
            WriteValue(value);
        }
        catch (Exception exception)
        {
            // The traced call is not to fail for what is handed over.
            _buffer.SetBack(0);
            WriteName(value!.GetType(), exception);
        }
    }

    internal void WriteValue(object? value) => WriteValue(value, typeof(object), null);

    /// <summary>Writes a text, or its beginning.</summary>
    internal void WriteText(string? text)
    {
        if (text is null)
            _buffer.Append("null"u8);
        else
            WriteText(text, text.Length);
    }

    /// <inheritdoc cref="WriteText(string)"/>
    internal void WriteText(StringBuilder text) =>
        WriteText(text.Length > _buffer.Remaining ? text.ToString(0, Math.Max(_buffer.Remaining, 0)) : text.ToString(), text.Length);

    /// <summary>Writes what is JSON already.</summary>
    internal void WriteRaw(string? json) => WriteRaw(Encoding.UTF8.GetBytes(json ?? "null"));

    /// <summary>Writes a type's name in place of a value.</summary>
    internal void WriteName(Type type, Exception? error)
    {
        _error ??= error;
        WriteText(TypeNames.Get(ForeignTypes.WithoutProxy(type)));
    }

    /// <summary>Writes a value by the serializer, or its type's name if the serializer cannot.</summary>
    internal void WriteWhole(object value, JsonTypeInfo info)
    {
        if (TryWriteWhole(value, info, isBuiltIn: false) is { } failure)
            WriteFailure(value, failure);
    }

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
        (_depth, _values, _isCut, _isEndMarked, _error) = (0, 0, false, false, null);
    }

    private void WriteValue(object? value, Type declared, MemberPlan? member)
    {
        if (value is null)
        {
            _buffer.Append("null"u8);
            return;
        }

        _values++;
        if (value is string text && _plans.IsOwn)
        {
            WriteText(text);
            return;
        }

        if (member?.Own is { } own)
        {
            WriteWhole(value, own);
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
            WriteObject(value, plan, options, discriminator);
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

        var failure = plan.IsClosed ? TryWriteWhole(value, plan.Info!, plan.IsBuiltIn) : null;
        if (plan.IsClosed && failure is null)
            return;
        switch (plan.Shape)
        {
            case Shape.Object:
                WriteObject(value, plan, null, null);
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
        var contract = _plans.FindInfo(declared, out _);
        if (contract?.PolymorphismOptions is { } options)
        {
            if (TryFindDiscriminator(options, value.GetType(), out var discriminator))
            {
                WriteObject(value, plan, options, discriminator);
                return true;
            }

            if (options.UnknownDerivedTypeHandling is JsonUnknownDerivedTypeHandling.FailSerialization)
            {
                WriteName(value.GetType(), new NotSupportedException(
                    $"{TypeNames.Get(value.GetType())} is none of the derived types that {TypeNames.Get(declared)} declares."));
                return true;
            }

            plan = _plans.Get(declared);
        }
        else if (!_plans.IsOwn && contract is not null && plan.Shape is Shape.Object)
        {
            plan = _plans.Get(declared);
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

    private void WriteObject(object value, TypePlan plan, JsonPolymorphismOptions? polymorphism, object? discriminator)
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
                if (plan.LazyLoading is { } loading && member.MayLoad && !loading.IsLoaded(value, member.ClrName))
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
                    WriteEntries(entries, typeof(object), ref isFirst);
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
        WriteList((IEnumerable)value, plan.Element, value is ICollection { Count: var count } ? count : null);
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
        WriteEntries(dictionary, declared, ref isFirst);
        _buffer.Append((byte)'}');
    }

    private void WriteEntries(IEnumerable dictionary, Type declared, ref bool isFirst)
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
            if (key is not null && TryWriteKey(key))
            {
                WriteValue(item, declared, null);
                continue;
            }

            _buffer.SetBack(start);
            isFirst = wasFirst;
            if (key is string)
            {
                // Longer than what is left.
                _values = MaxValues;
                CutMembers(isFirst);
                break;
            }

            _error ??= new NotSupportedException($"{(key is null ? "null" : TypeNames.Get(key.GetType()))} is no key of JSON.");
        }

        entries.Dispose();
    }

    private bool TryWriteKey(object key)
    {
        switch (key)
        {
            case string text:
                if (text.Length > _buffer.Remaining)
                    return false;
                WriteKey(_plans.Options.DictionaryKeyPolicy?.ConvertName(text) ?? text);
                return true;
            case bool or Enum or char:
                WriteKey(key.ToString()!);
                return true;
            case var _ when TypePlan.IsKey(key.GetType()) && key.GetType() != typeof(object):
                return TryWriteScalarKey(key);
            default:
                return false;
        }
    }

    private bool TryWriteScalarKey(object key)
    {
        if (key is int or long or short or byte or uint or ulong or ushort or sbyte or Guid or decimal)
        {
            WriteKey(((IFormattable)key).ToString(null, CultureInfo.InvariantCulture));
            return true;
        }

        var start = _buffer.Length;
        if (_plans.Get(key.GetType()) is not { Info: { } info } || TryWriteWhole(key, info, isBuiltIn: true) is not null)
            return false;
        if (_buffer.Written[start] != '"')
        {
            var name = Encoding.UTF8.GetString(_buffer.Written[start..]);
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

    private void WriteForeign(object value, Action<PayloadWriter, object> write)
    {
        var (start, depth) = (_buffer.Length, _depth);
        try
        {
            // A foreign value may hold itself.
            if (!TryOpen(value))
                return;
            write(this, value);
            Close();
        }
        catch (Exception exception)
        {
            _buffer.SetBack(start);
            while (_depth > depth)
                Close();
            WriteFailure(value, exception);
        }
    }

    private void WriteEnum(object value)
    {
        var name = value.ToString()!;
        if (char.IsAsciiDigit(name[0]) || name[0] == '-')
            WriteRaw(name);
        else
            WriteText(name);
    }

    private void WriteLeaf(object value, TypePlan plan)
    {
        switch (value)
        {
            case JsonElement element:
                WriteElement(element);
                return;
            case JsonDocument document:
                WriteElement(document);
                return;
        }

        if (TryWriteWhole(value, plan.Info!, plan.IsBuiltIn) is not { } failure)
            return;
        if (failure is BudgetException && value is byte[] bytes)
        {
            WriteText(Convert.ToBase64String(bytes, 0, Math.Clamp(_buffer.Remaining / 4 * 3, 0, bytes.Length)), bytes.Length, "bytes");
            return;
        }

        WriteFailure(value, failure);
    }

    private void WriteElement(JsonDocument document)
    {
        try
        {
            WriteElement(document.RootElement);
        }
        catch (ObjectDisposedException exception)
        {
            WriteThrown(exception);
        }
    }

    // The text as it came, if it fits; without the comments and trailing commas that its document may have allowed.
    private void WriteElement(JsonElement element)
    {
        var start = _buffer.Length;
        try
        {
            if (element.ValueKind is JsonValueKind.Undefined)
                _buffer.Append("null"u8);
            else if (RawJson.GetLength(element) <= Math.Max(_buffer.Remaining, Short))
                WriteRaw(element);
            else if (element.ValueKind is JsonValueKind.Object)
                WriteDictionary(element.EnumerateObject(), typeof(object));
            else if (element.ValueKind is JsonValueKind.Array)
                WriteList(element.EnumerateArray(), typeof(object), element.GetArrayLength());
            else if (element.ValueKind is not JsonValueKind.String)
                CutHere("(cut: number)");
            else
                WriteText(GetBeginning(RawJson.GetUtf8(element), _buffer.Remaining), RawJson.GetLength(element) - 2);
        }
        // Of a document that was disposed.
        catch (InvalidOperationException exception)
        {
            _buffer.SetBack(start);
            WriteThrown(exception);
        }
    }

    private void WriteRaw(JsonElement element)
    {
        var utf8 = RawJson.GetUtf8(element);
        _buffer.Append(RawJson.IsValid(utf8) ? utf8 : RawJson.Write(element, static (writer, element) => element.WriteTo(writer)));
    }

    // Cut between two characters.
    private static string GetBeginning(ReadOnlySpan<byte> utf8, int length)
    {
        var end = 1;
        while (end < utf8.Length - 1)
        {
            var next = end + (utf8[end] != '\\' ? 1 : utf8[end + 1] == 'u' ? 6 : 2);
            if (next > length)
                break;
            end = next;
        }

        while (end > 1 && (utf8[end] & 0xC0) == 0x80)
            end--;
        return RawJson.Parse([.. utf8[..end], (byte)'"']).GetString()!;
    }

    private void WriteRaw(ReadOnlySpan<byte> json)
    {
        if (json.Length > _buffer.Remaining)
        {
            WriteElement(RawJson.Parse(json));
            return;
        }

        RawJson.Validate(json.ToArray());
        _buffer.Append(json);
    }

    private void WriteText(ReadOnlySpan<char> text, int total, string unit = "characters")
    {
        const int chunk = 1024;
        _buffer.Append((byte)'"');
        var isCut = text.Length < total;
        while (!text.IsEmpty)
        {
            var count = Math.Min(text.Length, chunk);
            if (count < text.Length && count > 1 && char.IsHighSurrogate(text[count - 1]))
                count--;
            if (count > _buffer.Remaining || !TryWriteChunk(text[..count]))
            {
                // The chunk in halves, as far as it fits.
                if (count == 1 || _buffer.Remaining < 1)
                {
                    isCut = true;
                    break;
                }

                count = Math.Max(1, Math.Min(count / 2, _buffer.Remaining));
                if (!TryWriteChunk(text[..count]))
                {
                    isCut = true;
                    break;
                }
            }

            text = text[count..];
        }

        if (isCut)
        {
            _isCut = _isEndMarked = true;
            WriteCutMark($"(cut: {total} {unit})");
        }

        _buffer.Append((byte)'"');
    }

    private bool TryWriteChunk(ReadOnlySpan<char> text)
    {
        var start = _buffer.Length;
        var utf8 = _buffer.GetSpan(3 * text.Length);
        var length = Encoding.UTF8.GetBytes(text, utf8);
        if (_encoder.FindFirstCharacterToEncodeUtf8(utf8[..length]) < 0)
        {
            _buffer.Advance(length);
        }
        else
        {
            Span<byte> plain = stackalloc byte[3 * 1024];
            utf8[..length].CopyTo(plain);
            _encoder.EncodeUtf8(plain[..length], _buffer.GetSpan(6 * text.Length), out _, out var written);
            _buffer.Advance(written);
        }

        if (_buffer.Remaining >= 0)
            return true;
        _buffer.SetBack(start);
        return false;
    }

    private Exception? TryWriteWhole(object value, JsonTypeInfo info, bool isBuiltIn)
    {
        var start = _buffer.Length;
        try
        {
            _json!.Reset();
            JsonSerializer.Serialize(_json, value, info);
            _json.Flush();
            // A converter may write nothing, or text that is no JSON.
            if (!isBuiltIn)
                RawJson.Validate(_buffer.Written[start..].ToArray());
            if (_buffer.Remaining >= 0)
                return null;
            _buffer.SetBack(start);
            return OverBudget;
        }
        catch (Exception exception)
        {
            // Getters and converters are the application's.
            _json!.Reset();
            _buffer.SetBack(start);
            return exception;
        }
    }

    private void WriteFailure(object value, Exception failure)
    {
        if (failure is BudgetException)
            CutHere($"(cut: {TypeNames.Get(value.GetType())})");
        else
            WriteName(value.GetType(), failure);
    }

    private void WriteThrown(Exception exception)
    {
        _error ??= exception;
        WriteText($"(threw {TypeNames.Get(exception.GetType())})");
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

    private void CutHere(string mark)
    {
        _isCut = true;
        _buffer.Append((byte)'"');
        WriteCutMark(mark);
        _buffer.Append((byte)'"');
    }

    // ASCII without anything to escape.
    private void WriteCutMark(string mark) => _buffer.Advance(Encoding.UTF8.GetBytes(mark, _buffer.GetSpan(3 * mark.Length)));

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
