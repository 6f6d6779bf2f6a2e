using LangSmith.Http.Collector.Model;
using Microsoft.AspNetCore.Http;

namespace LangSmith.Http.Collector.Ingest;

/// <summary>Reads no more than it may: of the body, or of what comes out of a compressed one.</summary>
internal sealed class BoundedStream(Stream inner, long maxBytes, bool isDecompressed = false) : Stream
{
    private long _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => _read;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return Count(await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false));
        }
        catch (InvalidDataException)
        {
            throw IngestException.Malformed("The body cannot be decompressed: it is no gzip, or damaged.");
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    internal static IngestException TooLarge(long maxBytes) =>
        new(StatusCodes.Status413PayloadTooLarge, "request_too_large", $"The body is larger than {maxBytes:N0} bytes, the batch_ingest_config.size_limit_bytes of GET /info. Send smaller batches, or smaller payloads.");

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    private int Count(int read)
    {
        _read += read;
        if (_read <= maxBytes)
            return read;
        throw isDecompressed
            ? new IngestException(StatusCodes.Status413PayloadTooLarge, "request_too_large", $"The body is larger than {maxBytes:N0} bytes when it is decompressed. Send smaller batches, or smaller payloads.")
            : TooLarge(maxBytes);
    }
}
