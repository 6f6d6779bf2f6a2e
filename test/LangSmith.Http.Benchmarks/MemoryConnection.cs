using System.Threading.Tasks.Sources;

namespace LangSmith.Http.Benchmarks;

/// <summary>
/// A connection of a <see cref="SocketsHttpHandler"/> to a server in the same process that answers at once: 302 if the request is for
/// <see cref="RedirectedUri"/>, otherwise 200. What the runtime does with a request is real, but nothing waits for a network.
/// </summary>
internal sealed class MemoryConnection : Stream, IValueTaskSource<int>
{
    private static readonly byte[] Ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray();
    private static readonly byte[] Redirect = "HTTP/1.1 302 Found\r\nLocation: /ask\r\nContent-Length: 0\r\n\r\n"u8.ToArray();
    private static readonly byte[] StartOfRedirected = "GET /redirected "u8.ToArray();

    private readonly object _gate = new();
    private ManualResetValueTaskSourceCore<int> _read;
    private byte[]? _response;
    private Memory<byte> _buffer;
    private bool _isReading;

    internal static Uri Uri { get; } = new("http://answers.internal/ask");

    internal static Uri RedirectedUri { get; } = new("http://answers.internal/redirected");

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Creates a primary handler with redirects on, as applications have it.</summary>
    internal static SocketsHttpHandler CreateHandler() => new()
    {
        UseProxy = false,
        ConnectCallback = static (_, _) => new ValueTask<Stream>(new MemoryConnection()),
    };

    // A request without a body is written in one piece.
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read;
        lock (_gate)
        {
            _response = buffer.Span.StartsWith(StartOfRedirected) ? Redirect : Ok;
            if (!_isReading)
                return default;
            _isReading = false;
            read = Take(_buffer);
        }

        _read.SetResult(read);
        return default;
    }

    // The runtime reads before it writes, to see whether the server has closed the connection.
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (_response is not null)
                return new ValueTask<int>(Take(buffer));
            _read.Reset();
            _buffer = buffer;
            _isReading = true;
            return new ValueTask<int>(this, _read.Version);
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    int IValueTaskSource<int>.GetResult(short token) => _read.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _read.OnCompleted(continuation, state, token, flags);

    // An empty buffer only asks whether there is anything to read.
    private int Take(Memory<byte> buffer)
    {
        if (buffer.IsEmpty)
            return 0;
        var response = _response!;
        _response = null;
        response.CopyTo(buffer);
        return response.Length;
    }
}
