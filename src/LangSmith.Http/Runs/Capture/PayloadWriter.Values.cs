using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using LangSmith.Http.Propagation;

namespace LangSmith.Http.Runs.Capture;

/// <content>Single values, as far as they fit.</content>
internal sealed partial class PayloadWriter
{
    private const int MaxChunk = 1024;

    // A number or word may pass the limit.
    private const int Short = 32;

    private static readonly BudgetException OverBudget = new();

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
    internal void WriteWhole(object value, JsonTypeInfo info) => WriteWhole(value, value.GetType(), info);

    private void WriteWhole(object? value, Type declared, JsonTypeInfo info)
    {
        if (TryWriteWhole(value, info, isBuiltIn: false) is { } failure)
            WriteFailure(value?.GetType() ?? declared, failure);
    }

    // A foreign value may hold itself.
    private void WriteForeign(object value, Action<PayloadWriter, object> write)
    {
        if (!TryOpen(value))
            return;
        write(this, value);
        Close();
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
                WriteElement(document.RootElement);
                return;
        }

        if (TryWriteWhole(value, plan.Info!, plan.IsBuiltIn) is not { } failure)
            return;
        if (failure is BudgetException && value is byte[] bytes)
        {
            WriteText(Convert.ToBase64String(bytes, 0, Math.Clamp(_buffer.Remaining / 4 * 3, 0, bytes.Length)), bytes.Length, "bytes");
            return;
        }

        WriteFailure(value.GetType(), failure);
    }

    // The text as it came, if it fits; without the comments and trailing commas that its document may have allowed.
    private void WriteElement(JsonElement element)
    {
        if (element.ValueKind is JsonValueKind.Undefined)
            _buffer.Append("null"u8);
        else if (RawJson.GetSpan(element) is var utf8 && utf8.Length <= Math.Max(_buffer.Remaining, Short)
            && (element.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array) || TryCount(utf8, _buffer.Length)))
            WriteRaw(element, utf8);
        else if (element.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
            WriteElements(element);
        else if (element.ValueKind is not JsonValueKind.String)
            CutHere("(cut: number)");
        else
            WriteText(GetBeginning(utf8, _buffer.Remaining), utf8.Length - 2);
    }

    private void WriteElements(JsonElement element)
    {
        if (!TryOpen(element))
            return;
        if (element.ValueKind is JsonValueKind.Object)
            WriteDictionary(element.EnumerateObject(), typeof(object));
        else
            WriteList(element.EnumerateArray(), typeof(object), element.GetArrayLength());
        Close();
    }

    private void WriteRaw(JsonElement element, ReadOnlySpan<byte> utf8)
    {
        if (element.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array) || RawJson.IsValid(utf8.ToArray()))
            _buffer.Append(utf8);
        else
            _buffer.Append(RawJson.Write(element, static (writer, element) => element.WriteTo(writer)));
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
        if (text.Length == total && text.Length <= MaxChunk && TryWriteShort(text))
            return;
        _buffer.Append((byte)'"');
        var length = text.Length;
        var isCut = false;
        var chunk = MaxChunk;
        while (!text.IsEmpty && !isCut)
        {
            var count = Math.Min(text.Length, chunk);
            if (count < text.Length && char.IsHighSurrogate(text[count - 1]))
                count--;
            // Of what does not fit, half may.
            if (count > 0 && TryWriteChunk(text[..count]))
                text = text[count..];
            else
                isCut = (chunk = count / 2) == 0;
        }

        if (isCut || length < total)
        {
            _isCut = true;
            WriteMark($"(cut: {total} {unit})");
        }

        _buffer.Append((byte)'"');
    }

    // Most texts are short, fit and need no escapes.
    private bool TryWriteShort(ReadOnlySpan<char> text)
    {
        var most = (3 * text.Length) + 2;
        if (most > _buffer.Remaining)
            return false;
        var quoted = _buffer.GetSpan(most);
        var length = Encoding.UTF8.GetBytes(text, quoted[1..]);
        if (_encoder.FindFirstCharacterToEncodeUtf8(quoted.Slice(1, length)) >= 0)
            return false;
        quoted[0] = quoted[length + 1] = (byte)'"';
        _buffer.Advance(length + 2);
        return true;
    }

    private bool TryWriteChunk(ReadOnlySpan<char> text, bool mayPassLimit = false)
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
            Span<byte> plain = stackalloc byte[3 * MaxChunk];
            utf8[..length].CopyTo(plain);
            _encoder.EncodeUtf8(plain[..length], _buffer.GetSpan(6 * text.Length), out _, out var written);
            _buffer.Advance(written);
        }

        if (_buffer.Remaining >= 0 || mayPassLimit)
            return true;
        _buffer.SetBack(start);
        return false;
    }

    private Exception? TryWriteWhole(object? value, JsonTypeInfo info, bool isBuiltIn)
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
            if (_buffer.Remaining >= 0 && (!isBuiltIn || TryCount(_buffer.Written[start..], start)))
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

    // Each value stands behind a comma or is the first of its container. Texts may have commas, too: near the limit they are told apart.
    private bool TryCount(ReadOnlySpan<byte> json, int start)
    {
        var count = json.Count((byte)',') + json.Count((byte)'{') + json.Count((byte)'[');
        if (count > MaxValues - _values)
        {
            _values = CountValues(_buffer.Written[..start]);
            count = CountValues(json);
        }

        if (count > MaxValues - _values)
            return false;
        _values += count;
        return true;
    }

    // Of a text that may end anywhere.
    private static int CountValues(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, isFinalBlock: false, new JsonReaderState(RawJson.ReaderOptions));
        var count = 0;
        while (reader.Read())
            count += reader.TokenType is JsonTokenType.PropertyName or JsonTokenType.EndObject or JsonTokenType.EndArray ? 0 : 1;
        return count;
    }

    private void WriteFailure(Type type, Exception failure)
    {
        if (failure is ObjectDisposedException)
            WriteThrown(failure);
        else if (failure is BudgetException)
            CutHere($"(cut: {TypeNames.Get(type)})");
        else
            WriteName(type, failure);
    }

    private void WriteThrown(Exception exception)
    {
        _error ??= exception;
        _values++;
        WriteText($"(threw {TypeNames.Get(exception.GetType())})");
    }

    private void CutHere(string mark)
    {
        _isCut = true;
        _buffer.Append((byte)'"');
        WriteMark(mark);
        _buffer.Append((byte)'"');
    }

    private void WriteMark(string mark) => TryWriteChunk(mark, mayPassLimit: true);
}
