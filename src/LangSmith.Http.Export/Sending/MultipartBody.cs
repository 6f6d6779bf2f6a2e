using System.Buffers;
using System.Globalization;
using System.Text.Unicode;

namespace LangSmith.Http;

/// <summary>
/// <c>multipart/form-data</c> as the SDKs write it: parts <c>post.&lt;id&gt;</c> or <c>patch.&lt;id&gt;</c>, then their
/// fields; every part says its length, twice, because servers differ in where they look. Creates come first.
/// </summary>
internal sealed class MultipartBody(Stream output, RunWriter writer, string boundary)
{
    // What is written at once: a compressor takes many small pieces badly.
    private const int ChunkBytes = 64 << 10;

    // Of a part, and then some.
    private const int MaxHeadBytes = 512;

    private readonly ArrayBufferWriter<byte> _chunk = new(ChunkBytes + MaxHeadBytes);
    private readonly ArrayBufferWriter<byte> _part = new(4096);

    internal static void Write(IReadOnlyList<RunOperation> runs, RunWriter writer, string boundary, Stream output) =>
        new MultipartBody(output, writer, boundary).Write(runs);

    private void Write(IReadOnlyList<RunOperation> runs)
    {
        foreach (var isCreate in (ReadOnlySpan<bool>)[true, false])
        {
            foreach (var run in runs)
            {
                if (run.IsCreate == isCreate)
                    Write(run);
            }
        }

        Utf8.TryWrite(_chunk.GetSpan(MaxHeadBytes), $"--{boundary}--\r\n", out var written);
        _chunk.Advance(written);
        Flush();
    }

    private void Write(RunOperation run)
    {
        writer.WriteMain(run, _part);
        Append(run, "");
        foreach (var field in RunWriter.Parts)
        {
            if (writer.WritePart(run, field, _part))
                Append(run, field);
        }
    }

    private void Append(RunOperation run, string field)
    {
        var length = _part.WrittenCount;
        Utf8.TryWrite(
            _chunk.GetSpan(MaxHeadBytes),
            CultureInfo.InvariantCulture,
            $"--{boundary}\r\nContent-Disposition: form-data; name=\"{(run.IsCreate ? "post" : "patch")}.{run.Id}{(field.Length > 0 ? "." : "")}{field}\"\r\nContent-Type: application/json; length={length}\r\nContent-Length: {length}\r\n\r\n",
            out var written);
        _chunk.Advance(written);
        if (_chunk.WrittenCount + length > ChunkBytes)
            Flush();
        if (length > ChunkBytes)
            output.Write(_part.WrittenSpan);
        else
            _chunk.Write(_part.WrittenSpan);
        _chunk.Write("\r\n"u8);
        _part.ResetWrittenCount();
    }

    private void Flush()
    {
        output.Write(_chunk.WrittenSpan);
        _chunk.ResetWrittenCount();
    }
}
