using System.Buffers;
using System.Globalization;
using System.Text.Unicode;
using LangSmith.Http.Export.Model;

namespace LangSmith.Http.Export.Transport;

/// <summary>
/// <c>multipart/form-data</c> as the SDKs write it: parts <c>post.&lt;id&gt;</c> or <c>patch.&lt;id&gt;</c>, then their
/// fields; every part says its length, twice, because servers differ in where they look. Creates come first.
/// </summary>
internal static class MultipartBody
{
    // Of a part, and then some: ids, names of fields and numbers.
    private const int MaxHeadBytes = 512;

    internal static void Write(IReadOnlyList<RunOperation> runs, RunWriter writer, string boundary, Stream output)
    {
        var part = new ArrayBufferWriter<byte>(4096);
        foreach (var isCreate in (ReadOnlySpan<bool>)[true, false])
        {
            foreach (var run in runs)
            {
                if (run.IsCreate != isCreate)
                    continue;
                writer.WriteMain(run, part);
                WritePart(run, "", part, boundary, output);
                foreach (var field in RunWriter.Parts)
                {
                    if (writer.WritePart(run, field, part))
                        WritePart(run, field, part, boundary, output);
                }
            }
        }

        Span<byte> end = stackalloc byte[MaxHeadBytes];
        Utf8.TryWrite(end, $"--{boundary}--\r\n", out var written);
        output.Write(end[..written]);
    }

    private static void WritePart(RunOperation run, string field, ArrayBufferWriter<byte> part, string boundary, Stream output)
    {
        Span<byte> head = stackalloc byte[MaxHeadBytes];
        Utf8.TryWrite(
            head,
            CultureInfo.InvariantCulture,
            $"--{boundary}\r\nContent-Disposition: form-data; name=\"{(run.IsCreate ? "post" : "patch")}.{run.Id}{(field.Length > 0 ? "." : "")}{field}\"\r\nContent-Type: application/json; length={part.WrittenCount}\r\nContent-Length: {part.WrittenCount}\r\n\r\n",
            out var written);
        output.Write(head[..written]);
        output.Write(part.WrittenSpan);
        output.Write("\r\n"u8);
        part.ResetWrittenCount();
    }
}
