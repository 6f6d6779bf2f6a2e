using System.Buffers;
using System.Globalization;
using System.Text;

namespace LangSmith.Http;

/// <summary>
/// <c>multipart/form-data</c> as the SDKs write it: parts <c>post.&lt;id&gt;</c> or <c>patch.&lt;id&gt;</c>, then their
/// fields; every part says its length, twice, because servers differ in where they look. Creates come first.
/// </summary>
internal static class MultipartBody
{
    internal static ReadOnlyMemory<byte> Write(IReadOnlyList<RunOperation> runs, RunWriter writer, string boundary)
    {
        var body = new ArrayBufferWriter<byte>(4096);
        var part = new ArrayBufferWriter<byte>(1024);
        foreach (var isCreate in (ReadOnlySpan<bool>)[true, false])
        {
            foreach (var run in runs)
            {
                if (run.IsCreate != isCreate)
                    continue;
                var name = $"{(isCreate ? "post" : "patch")}.{run.Id}";
                part.ResetWrittenCount();
                RunWriter.WriteMain(run, part);
                Append(body, boundary, name, part.WrittenSpan);
                foreach (var field in RunWriter.Parts)
                {
                    part.ResetWrittenCount();
                    if (writer.WritePart(run, field, part))
                        Append(body, boundary, $"{name}.{field}", part.WrittenSpan);
                }
            }
        }

        Text(body, $"--{boundary}--\r\n");
        return body.WrittenMemory;
    }

    private static void Append(ArrayBufferWriter<byte> body, string boundary, string name, ReadOnlySpan<byte> payload)
    {
        var length = payload.Length.ToString(CultureInfo.InvariantCulture);
        Text(body, $"--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: application/json; length={length}\r\nContent-Length: {length}\r\n\r\n");
        body.Write(payload);
        Text(body, "\r\n");
    }

    private static void Text(ArrayBufferWriter<byte> body, string text) => Encoding.ASCII.GetBytes(text, body);
}
