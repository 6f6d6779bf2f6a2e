namespace LangSmith.Http.Export.Model;

/// <summary>What became of a request; also the <c>reason</c> of what was dropped.</summary>
internal enum SendResult
{
    /// <summary>The server has the runs (409 says that it had them before).</summary>
    Sent,

    /// <summary>The server refused the content (400, 422): one of the runs may be to blame.</summary>
    Refused,

    /// <summary>The server does not accept the key (401).</summary>
    Unauthorized,

    /// <summary>The key may not write there (403).</summary>
    Forbidden,

    /// <summary>The server has no multipart endpoint (404).</summary>
    NoMultipart,

    /// <summary>It went wrong until the time was over.</summary>
    RetriesExhausted,

    /// <summary>The application ended before.</summary>
    Shutdown,

    /// <summary>Tracing was switched off before.</summary>
    Off,

    /// <summary>The queue was full.</summary>
    QueueFull,

    /// <summary>It is larger than the server takes (413, or what it said before).</summary>
    TooLarge,

    /// <summary>LangSmith refuses runs of such a dotted order, whatever else they say.</summary>
    Invalid,

    /// <summary>Any other answer that is no success and is not tried again.</summary>
    Rejected,

    /// <summary>Our own code threw.</summary>
    Failed,
}
