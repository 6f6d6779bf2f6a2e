using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LangSmith.Http.Runs.Capture;

/// <summary>The elements of a collection that another thread may change while they are read. Never throws.</summary>
internal struct Items
{
    private readonly IEnumerator? _items;
    private Exception? _error;
    private bool _isDone;

    internal Items(IEnumerable collection)
    {
        try
        {
            _items = collection is IDictionary dictionary ? dictionary.GetEnumerator() : collection.GetEnumerator();
        }
        catch (Exception exception)
        {
            _error = exception;
        }
    }

    /// <summary>True if there is another element, or an exception in its place, which is the last.</summary>
    internal bool MoveNext(out object? item, out Exception? error)
    {
        (item, error) = (null, null);
        try
        {
            if (_items is not null && _error is null)
            {
                if (!_items.MoveNext())
                    return false;
                item = _items.Current;
                return true;
            }
        }
        catch (Exception exception)
        {
            _error = exception;
        }

        // An exception is reported once, in place of the next element.
        error = _error;
        var isReported = _isDone;
        _isDone = true;
        return error is not null && !isReported;
    }

    /// <summary>The key and value of a dictionary's entry.</summary>
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "Of F# and Newtonsoft.Json, which do not support trimming.")]
    internal static (object? Key, object? Value) Split(object entry)
    {
        return entry switch
        {
            DictionaryEntry item => (item.Key, item.Value),
            KeyValuePair<string, object?> item => (item.Key, item.Value),
            KeyValuePair<string, JsonNode?> item => (item.Key, item.Value),
            JsonProperty item => (item.Name, item.Value),
            _ => (Get("Key") ?? Get("Name"), Get("Value")),
        };

        object? Get(string property) => entry.GetType().GetProperty(property)?.GetValue(entry);
    }

    internal readonly void Dispose()
    {
        if (_items is IDisposable disposable)
            disposable.Dispose();
    }
}
