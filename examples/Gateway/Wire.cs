using System.Collections.Concurrent;

namespace GatewayExample;

/// <summary>Writes down every request as it is at some place, line by line, for the report. Your services do not need it.</summary>
internal sealed class Wire
{
    private readonly ConcurrentDictionary<(string Place, string Path), IReadOnlyList<string>> _requests = new();

    public void Watch(WebApplication app, string place) => app.Use((context, next) =>
    {
        var request = context.Request;
        _requests[(place, request.Path.ToString())] =
        [
            $"{request.Method} {request.Path} {request.Protocol}",
            .. request.Headers.SelectMany(header => header.Value, (header, value) => $"{header.Key}: {value}"),
        ];
        return next(context);
    });

    public IReadOnlyList<string> Seen(string place, string topic) => _requests.GetValueOrDefault((place, $"/answers/{topic}"), []);
}
