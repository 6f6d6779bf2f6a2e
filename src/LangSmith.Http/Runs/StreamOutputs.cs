using System.Buffers;
using System.Collections;
using LangSmith.Http.Runs.Capture;

namespace LangSmith.Http.Runs;

/// <summary>What is kept of a stream's elements to make its run's outputs. However long the stream, it is no more than one payload.</summary>
internal abstract class StreamOutputs<T>
{
    private const int LeastBytesOfElement = 64;

    /// <summary>How many elements were left out because there were too many.</summary>
    internal long LeftOut { get; private protected set; }

    internal abstract void Add(T element);

    internal abstract object? Result();

    /// <summary>Whether an element says something: models send empty ones first.</summary>
    internal static bool HasContent(T element) => element switch
    {
        null or "" => false,
        ICollection { Count: 0 } => false,
        _ => true,
    };

    /// <summary>The elements as one array, each serialised as it passes.</summary>
    internal sealed class Json(RunCapture capture) : StreamOutputs<T>
    {
        private readonly ArrayBufferWriter<byte> _json = new();

        internal override void Add(T element)
        {
            if (LeftOut == 0)
            {
                var json = capture.Serialize(element);
                if (_json.WrittenCount + json.Length < capture.MaxBytes)
                {
                    Write(json);
                    return;
                }
            }

            LeftOut++;
        }

        internal override object? Result()
        {
            if (LeftOut > 0)
                Write(PayloadSerializer.Serialize($"(cut: {LeftOut} more elements)"));
            _json.Write(_json.WrittenCount == 0 ? "[]"u8 : "]"u8);
            return new JsonPayload(_json.WrittenSpan.ToArray());
        }

        private void Write(byte[] element)
        {
            _json.Write(_json.WrittenCount == 0 ? "["u8 : ","u8);
            _json.Write(element);
        }
    }

    /// <summary>The elements themselves.</summary>
    internal sealed class Elements(Func<IReadOnlyList<T>, object?>? reduce, int maxBytes) : StreamOutputs<T>
    {
        private readonly List<T> _elements = [];
        private long _bytes;

        internal override void Add(T element)
        {
            _bytes += Math.Max(LeastBytesOfElement, element switch
            {
                string text => text.Length * sizeof(char),
                byte[] bytes => bytes.Length,
                ReadOnlyMemory<byte> bytes => bytes.Length,
                _ => 0,
            });
            if (LeftOut == 0 && _bytes <= maxBytes)
                _elements.Add(element);
            else
                LeftOut++;
        }

        internal override object? Result() => reduce is null ? _elements : reduce(_elements);
    }

    /// <summary>What a function makes of them.</summary>
    internal sealed class State<TState>(Func<TState> seed, Func<TState, T, TState> accumulate) : StreamOutputs<T>
    {
        private TState? _state;
        private bool _isSeeded;
        private bool _hasFailed;

        internal override void Add(T element)
        {
            if (_hasFailed)
                return;
            _hasFailed = true;
            if (!_isSeeded)
                _state = seed();
            _isSeeded = true;
            _state = accumulate(_state!, element);
            _hasFailed = false;
        }

        internal override object? Result() => _hasFailed ? null : _isSeeded ? _state : seed();
    }
}
