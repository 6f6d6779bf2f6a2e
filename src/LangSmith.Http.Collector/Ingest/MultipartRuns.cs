using System.Globalization;
using System.Text.Json;
using LangSmith.Http.Collector.Model;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace LangSmith.Http.Collector.Ingest;

/// <summary>
/// Joins the parts of a multipart body into writes: <c>post.&lt;id&gt;</c> or <c>patch.&lt;id&gt;</c>, their fields
/// (<c>post.&lt;id&gt;.inputs</c>…) and <c>attachment.&lt;id&gt;.&lt;name&gt;</c>. Accepts feedback, and drops it.
/// </summary>
internal sealed class MultipartRuns
{
    private readonly Dictionary<(Guid Id, bool IsCreate), RunWrite> _open = [];
    private readonly List<RunWrite> _runs = [];

    internal IReadOnlyList<RunWrite> Runs => _runs;

    internal async Task AddAsync(MultipartSection section, CancellationToken cancellationToken)
    {
        var name = HeaderUtilities.RemoveQuotes(section.GetContentDispositionHeader()?.Name ?? default).Value ?? "";
        using var buffer = new MemoryStream();
        await section.Body.CopyToAsync(buffer, cancellationToken).ConfigureAwait(false);
        var bytes = buffer.ToArray();
        CheckLength(section, name, bytes.Length);

        var dots = name.Split('.', 3);
        if (dots.Length < 2 || !Guid.TryParse(dots[1], out var id))
            throw RefusedException.Malformed($"The part '{name}' is named neither"
                + " post.<run id>, patch.<run id>, attachment.<run id>.<name> nor feedback.<id>.");
        switch (dots[0])
        {
            case "post" or "patch" when dots.Length == 2:
                AddRun(name, id, dots[0] == "post", bytes);
                break;
            case "post" or "patch":
                AddField(name, id, dots[0] == "post", dots[2], bytes);
                break;
            case "attachment" when dots.Length == 3:
                FindOwner(name, id).Attachments.Add(
                    new() { Name = dots[2], ContentType = section.ContentType!.Split(';')[0].Trim(), Content = bytes });
                break;
            case "attachment":
                throw RefusedException.Malformed($"The part '{name}' has no name: attachment.<run id>.<name>.");
            case "feedback":
                break;
            default:
                throw RefusedException.Malformed($"The part '{name}' is of an unknown kind.");
        }
    }

    // The API's reference: every part has a Content-Type and a length, as a parameter of it or as Content-Length.
    private static void CheckLength(MultipartSection section, string name, int actual)
    {
        if (!MediaTypeHeaderValue.TryParse(section.ContentType, out var type) && !string.IsNullOrEmpty(section.ContentType))
            throw RefusedException.Malformed(
                $"The part '{name}' has the Content-Type '{RunLabel.Shorten(section.ContentType)}', which is no media type.");
        if (type is null)
            throw RefusedException.Malformed($"The part '{name}' has no Content-Type.");
        var parameter = type.Parameters
            .FirstOrDefault(static item => item.Name.Equals("length", StringComparison.OrdinalIgnoreCase))?.Value.Value;
        var given = parameter ?? section.Headers?.GetValueOrDefault("Content-Length").ToString();
        if (!long.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var length))
            throw RefusedException.Malformed(
                $"The part '{name}' has no length: give Content-Length, or a length parameter of Content-Type.");
        if (length != actual)
            throw RefusedException.Malformed($"The part '{name}' says it has {length} bytes, but has {actual}.");
        if (section.Headers?.ContainsKey("Content-Encoding") == true)
            throw RefusedException.Malformed($"The part '{name}' has a Content-Encoding; only the whole body may have one.");
    }

    private void AddRun(string name, Guid id, bool isCreate, byte[] bytes)
    {
        using var json = JsonText.Parse($"The part '{name}'", bytes);
        var run = RunJson.Read(json.RootElement, isCreate, id, $"The part '{name}'");
        // The SDKs append to compressed bodies as runs arrive: one body may have two updates of a run.
        _open[(id, isCreate)] = run;
        _runs.Add(run);
    }

    private void AddField(string name, Guid id, bool isCreate, string field, byte[] bytes)
    {
        if (!_open.TryGetValue((id, isCreate), out var run))
            throw RefusedException.Malformed($"The part '{name}' comes before the run it belongs to.");
        using var json = JsonText.Parse($"The part '{name}'", bytes);
        if (json.RootElement.ValueKind != JsonValueKind.Null)
            RunJson.SetField(run, field, json.RootElement);
    }

    private RunWrite FindOwner(string name, Guid id) =>
        _open.GetValueOrDefault((id, true)) ?? _open.GetValueOrDefault((id, false))
        ?? throw RefusedException.Malformed($"The part '{name}' belongs to a run that is not in the body.");
}
