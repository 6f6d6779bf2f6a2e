using System.Text.Json;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>The one place where the corpus calls the serializer.</summary>
internal static class CaptureBed
{
    /// <summary>How many values a payload may have, with room for the texts that say what was cut.</summary>
    internal const int MostValues = 100_100;

    /// <summary>How many bytes a payload may have beyond its limit.</summary>
    internal const int Mark = 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Captures a value on a thread of its own, so that a capture that never ends fails its test.</summary>
    internal static Captured CaptureOf(
        object? value, JsonSerializerOptions? options = null, int maxBytes = PayloadSerializer.DefaultMaxBytes)
    {
        var capture = Task.Factory.StartNew(
            () => PayloadSerializer.Serialize(value, options ?? PayloadSerializer.DefaultOptions, maxBytes),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        return capture.Wait(Patience) ? capture.Result : throw new TimeoutException($"No payload in {Patience.TotalSeconds} s.");
    }

    /// <summary>Counts the values of a JSON text; throws if it is none.</summary>
    internal static int CountValues(byte[] json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 256 });
        var values = 0;
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.PropertyName or JsonTokenType.EndArray or JsonTokenType.EndObject))
                values++;
        }

        return values;
    }
}
