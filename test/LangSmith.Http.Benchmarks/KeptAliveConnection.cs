using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LangSmith.Http.Benchmarks;

/// <summary>A kept-alive connection on loopback that sends one request again and again, and costs as little as it can itself.</summary>
internal sealed class KeptAliveConnection : IDisposable
{
    private readonly byte[] _buffer = new byte[4096];
    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 10_000 };
    private readonly byte[] _request;
    private readonly int _responseLength;

    internal KeptAliveConnection(int port, string path = "/", IReadOnlyDictionary<string, string>? headers = null)
    {
        var text = new StringBuilder($"GET {path} HTTP/1.1\r\nHost: localhost\r\n");
        foreach (var (name, value) in headers ?? new Dictionary<string, string>())
            text.Append(name).Append(": ").Append(value).Append("\r\n");
        _request = Encoding.ASCII.GetBytes(text.Append("\r\n").ToString());
        _socket.Connect(IPAddress.Loopback, port);

        // All answers have the length of the first.
        _socket.Send(_request);
        string response;
        do
        {
            _responseLength += _socket.Receive(_buffer.AsSpan(_responseLength));
            response = Encoding.ASCII.GetString(_buffer, 0, _responseLength);
        }
        while (!response.EndsWith("0\r\n\r\n", StringComparison.Ordinal));

        if (!response.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal))
            throw new InvalidOperationException(response);
    }

    public void Dispose() => _socket.Dispose();

    internal void Send()
    {
        _socket.Send(_request);
        for (var received = 0; received < _responseLength;)
        {
            var count = _socket.Receive(_buffer);
            if (count == 0)
                throw new InvalidOperationException("The server closed the connection.");
            received += count;
        }
    }
}
