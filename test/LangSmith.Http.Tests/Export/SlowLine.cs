using System.Net;
using System.Net.Sockets;

namespace LangSmith.Http.Tests.Export;

/// <summary>A slow uplink in front of a server: all connections share its bytes. Its buffers are small, so that what was given up is not sent.</summary>
internal sealed class SlowLine : IAsyncDisposable
{
    private const int BufferBytes = 16 << 10;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Uri _server;
    private readonly int _bytesPerSecond;
    private long _sent;

    internal SlowLine(Uri server, int bytesPerSecond)
    {
        (_server, _bytesPerSecond) = (server, bytesPerSecond);
        _listener.Server.ReceiveBufferSize = BufferBytes;
        _listener.Start();
        Address = new Uri($"http://{_listener.LocalEndpoint}");
        _ = AcceptAsync();
    }

    internal Uri Address { get; }

    internal long SentBytes => Interlocked.Read(ref _sent);

    internal static HttpMessageHandler CreateHandler() => new SocketsHttpHandler
    {
        ConnectCallback = static async (context, cancellationToken) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { SendBufferSize = BufferBytes, LingerState = new LingerOption(true, 0) };
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        },
    };

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        _turn.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = CarryAsync(await _listener.AcceptTcpClientAsync(_stop.Token));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test ends.
        }
    }

    private async Task CarryAsync(TcpClient client)
    {
        using (client)
        using (var server = new TcpClient())
        {
            try
            {
                await server.ConnectAsync(_server.Host, _server.Port, _stop.Token);
                var answers = server.GetStream().CopyToAsync(client.GetStream(), _stop.Token);
                await UploadAsync(client.GetStream(), server.GetStream());
                server.Client.Shutdown(SocketShutdown.Send);
                await answers;
            }
            catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // One of them has gone.
            }
        }
    }

    private async Task UploadAsync(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[BufferBytes];
        while (await from.ReadAsync(buffer, _stop.Token) is > 0 and var count)
        {
            Interlocked.Add(ref _sent, count);
            await _turn.WaitAsync(_stop.Token);
            try
            {
                await Task.Delay(TimeSpan.FromSeconds((double)count / _bytesPerSecond), _stop.Token);
            }
            finally
            {
                _turn.Release();
            }

            await to.WriteAsync(buffer.AsMemory(0, count), _stop.Token);
        }
    }
}
