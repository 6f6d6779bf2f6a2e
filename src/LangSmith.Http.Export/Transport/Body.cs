using System.Net;

namespace LangSmith.Http.Export.Transport;

/// <summary>
/// A body that is written once and sent by every attempt. It is kept in pieces below the size of large objects, which only
/// a full garbage collection frees. The pieces are not pooled: an abandoned attempt may still read them.
/// </summary>
internal sealed class Body : Stream
{
    internal const int PieceBytes = 64 << 10;

    private readonly List<byte[]> _pieces = [];
    private int _used = PieceBytes;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => ((long)_pieces.Count * PieceBytes) - (PieceBytes - _used);

    public override long Position
    {
        get => Length;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            if (_used == PieceBytes)
            {
                _pieces.Add(new byte[PieceBytes]);
                _used = 0;
            }

            var count = Math.Min(buffer.Length, PieceBytes - _used);
            buffer[..count].CopyTo(_pieces[^1].AsSpan(_used));
            _used += count;
            buffer = buffer[count..];
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Makes the content of one request.</summary>
    internal HttpContent ToContent() => new Content(this);

    private sealed class Content(Body body) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(
            Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            for (var i = 0; i < body._pieces.Count; i++)
            {
                var used = i < body._pieces.Count - 1 ? PieceBytes : body._used;
                await stream.WriteAsync(body._pieces[i].AsMemory(0, used), cancellationToken).ConfigureAwait(false);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = body.Length;
            return true;
        }
    }
}
