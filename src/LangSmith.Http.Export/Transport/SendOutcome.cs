namespace LangSmith.Http.Export.Transport;

/// <summary>How sending one request ended, its retries included.</summary>
internal enum SendOutcome
{
    /// <summary>The server has the runs; 409 means it had them before.</summary>
    Sent,

    /// <summary>The server refused the content (400, 422): one of the runs may be the cause.</summary>
    Refused,

    /// <summary>The request is larger than the server accepts (413).</summary>
    TooLarge,

    /// <summary>The server does not know the key (401).</summary>
    Unauthorized,

    /// <summary>The key may not write there (403).</summary>
    Forbidden,

    /// <summary>The server has no multipart endpoint (404).</summary>
    NoMultipart,

    /// <summary>The body did not arrive in time: smaller ones may.</summary>
    TooSlow,

    /// <summary>The server fails with this body, while it takes others: one of the runs may be the cause.</summary>
    Suspect,

    /// <summary>Something in front of LangSmith answered, such as a sign-in page.</summary>
    NotLangSmith,

    /// <summary>The server returned another error that is not retried.</summary>
    Rejected,

    /// <summary>The server was not reachable, or returned an error that is retried.</summary>
    Unavailable,

    /// <summary>The caller's token was cancelled.</summary>
    Canceled,

    /// <summary>Tracing was switched off.</summary>
    SwitchedOff,
}
