namespace LangSmith.Http.Export.Diagnostics;

/// <summary>Why operations were dropped; the <c>reason</c> of the counter <c>langsmith.http.export.dropped</c>.</summary>
internal enum DropReason
{
    /// <summary>The server refused the content (400, 422).</summary>
    Refused,

    /// <summary>The server does not know the key (401).</summary>
    Unauthorized,

    /// <summary>The key may not write there (403).</summary>
    Forbidden,

    /// <summary>Every attempt failed for <see cref="LangSmithExportOptions.MaxRetryTime"/>.</summary>
    RetriesExhausted,

    /// <summary>The exporter was stopped.</summary>
    Shutdown,

    /// <summary>Tracing was switched off.</summary>
    Off,

    /// <summary>The queue was full.</summary>
    QueueFull,

    /// <summary>The run is larger than the server accepts (413, or the limit from <c>GET /info</c>).</summary>
    TooLarge,

    /// <summary>LangSmith refuses every run with such a dotted order.</summary>
    Invalid,

    /// <summary>Something else than LangSmith answered, such as a sign-in page.</summary>
    NotLangSmith,

    /// <summary>The server returned another error that is not retried.</summary>
    Rejected,

    /// <summary>The exporter's own code threw.</summary>
    Failed,
}
