using System.Buffers;
using System.Globalization;
using System.Text.Unicode;
using LangSmith.Http.Export.Model;

namespace LangSmith.Http.Export.Transport;

/// <summary>
/// Writes <c>multipart/form-data</c> as the other SDKs do: a part <c>post.&lt;id&gt;</c> or <c>patch.&lt;id&gt;</c>, then one for
/// each of its fields. Every part has its length in two headers, because servers differ in which they read. Posts come first.
/// </summary>
internal static class MultipartBody
{
    // Enough for the head of any part: the names of fields, an id and numbers have a bounded length.
    private const int MaxHeadBytes = 512;

    internal static void Write(IReadOnlyList<RunOperation> operations, RunWriter writer, string boundary, Stream output)
    {
        var part = new ArrayBufferWriter<byte>(4096);
        foreach (var isCreate in (ReadOnlySpan<bool>)[true, false])
        {
            foreach (var operation in operations)
            {
                if (operation.IsCreate != isCreate)
                    continue;
                writer.WriteMain(operation, part);
                WritePart(operation, "", part, boundary, output);
                foreach (var field in RunWriter.Parts)
                {
                    if (writer.WritePart(operation, field, part))
                        WritePart(operation, field, part, boundary, output);
                }
            }
        }

        Span<byte> end = stackalloc byte[MaxHeadBytes];
        Utf8.TryWrite(end, $"--{boundary}--\r\n", out var written);
        output.Write(end[..written]);
    }

    private static void WritePart(RunOperation operation, string field, ArrayBufferWriter<byte> part, string boundary, Stream output)
    {
        var kind = operation.IsCreate ? "post" : "patch";
        Span<byte> head = stackalloc byte[MaxHeadBytes];
        Utf8.TryWrite(
            head,
            CultureInfo.InvariantCulture,
            $"--{boundary}\r\nContent-Disposition: form-data; name=\"{kind}.{operation.Id}{(field.Length > 0 ? "." : "")}{field}\"\r\n"
            + $"Content-Type: application/json; length={part.WrittenCount}\r\nContent-Length: {part.WrittenCount}\r\n\r\n",
            out var written);
        output.Write(head[..written]);
        output.Write(part.WrittenSpan);
        output.Write("\r\n"u8);
        part.ResetWrittenCount();
    }
}
