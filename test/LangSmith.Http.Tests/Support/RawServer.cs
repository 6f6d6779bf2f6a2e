using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LangSmith.Http.Tests;

/// <summary>A socket on a free loopback port that keeps the head of each request as it was on the wire, and answers 200.</summary>
internal sealed class RawServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentQueue<string> _heads = new();
    private readonly Task _accepting;

    public RawServer()
    {
        _listener.Start();
        Origin = new Uri($"http://{_listener.LocalEndpoint}");
        _accepting = AcceptAsync();
    }

    public Uri Origin { get; }

    /// <summary>What was received, oldest first; one character a byte.</summary>
    public string[] Heads => [.. _heads];

    /// <summary>The values of a header's lines, its name in any case.</summary>
    public static string[] Lines(string head, string name) =>
        [.. head.Split("\r\n").Where(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)).Select(line => line[(name.Length + 1)..].Trim(' '))];

    /// <summary>
    /// Sends requests one behind the other over one connection, their header lines as they are given, and returns all that
    /// is answered.
    /// </summary>
    public static async Task<string> SendAsync(Uri to, params string[][] requests)
    {
        var text = new StringBuilder();
        foreach (var lines in requests)
        {
            text.Append("GET ").Append(to.PathAndQuery).Append(" HTTP/1.1\r\nHost: ").Append(to.Authority).Append("\r\n");
            foreach (var line in lines)
                text.Append(line).Append("\r\n");
            text.Append(lines == requests[^1] ? "Connection: close\r\n\r\n" : "\r\n");
        }

        using var client = new TcpClient();
        await client.ConnectAsync(to.Host, to.Port);
        await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text.ToString()));
        using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
        return await reader.ReadToEndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                await AnswerAsync(await _listener.AcceptTcpClientAsync());
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using (client)
        {
            var head = new StringBuilder();
            var buffer = new byte[4096];
            while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                var count = await client.GetStream().ReadAsync(buffer);
                if (count == 0)
                    return;
                head.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }

            _heads.Enqueue(head.ToString());
            await client.GetStream().WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray());
        }
    }
}
