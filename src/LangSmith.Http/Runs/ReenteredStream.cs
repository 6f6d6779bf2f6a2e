namespace LangSmith.Http.Runs;

/// <summary>A stream on each step of which something is current: what an iterator sets itself is gone after its first <c>yield</c>.</summary>
internal sealed class ReenteredStream<T>(IAsyncEnumerable<T> source, Func<Ambient.Scope> enter) : IAsyncEnumerable<T>
{
    public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        using (enter())
            return new Enumerator(source.GetAsyncEnumerator(cancellationToken), enter);
    }

    private sealed class Enumerator(IAsyncEnumerator<T> inner, Func<Ambient.Scope> enter) : IAsyncEnumerator<T>
    {
        public T Current => inner.Current;

        public async ValueTask<bool> MoveNextAsync()
        {
            using (enter())
                return await inner.MoveNextAsync().ConfigureAwait(false);
        }

        public async ValueTask DisposeAsync()
        {
            using (enter())
                await inner.DisposeAsync().ConfigureAwait(false);
        }
    }
}
