using System.Buffers;

namespace LangSmith.Http.Runs.Capture;

/// <summary>
/// The bytes of one payload. It refuses before it allocates more than the payload may have, and what was written can be taken back.
/// </summary>
internal sealed class PayloadBuffer : IBufferWriter<byte>
{
    // Utf8JsonWriter asks for 4 KiB at a time, and what is open has to be closed after the limit.
    private const int Slack = 8 * 1024;
    private const int Kept = 64 * 1024;

    private byte[] _bytes = new byte[1024];

    internal int Length { get; private set; }

    /// <summary>The most bytes a payload may have.</summary>
    internal int Limit { get; set; }

    internal int Remaining => Limit - Length;

    internal ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Advance(int count) => Length += count;

    /// <inheritdoc/>
    /// <exception cref="BudgetException">The payload would be larger than it may be.</exception>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(Length);
    }

    /// <inheritdoc cref="GetMemory"/>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(Length);
    }

    internal void Append(byte value)
    {
        GetSpan(1)[0] = value;
        Length++;
    }

    internal void Append(ReadOnlySpan<byte> value)
    {
        value.CopyTo(GetSpan(value.Length));
        Length += value.Length;
    }

    /// <summary>Takes back what was written since the buffer was this long.</summary>
    internal void SetBack(int length) => Length = length;

    internal void Clear()
    {
        Length = 0;
        if (_bytes.Length > Kept)
            _bytes = new byte[1024];
    }

    private void Reserve(int count)
    {
        if (_bytes.Length - Length >= Math.Max(count, 1))
            return;
        var most = Limit + Slack;
        if (count > most - Length)
            throw new BudgetException();
        Array.Resize(ref _bytes, (int)Math.Min(most, Math.Max(2L * _bytes.Length, Length + (long)count)));
    }
}

/// <summary>A value does not fit into its payload. It is written again, piece by piece, as far as it fits.</summary>
internal sealed class BudgetException : Exception;
