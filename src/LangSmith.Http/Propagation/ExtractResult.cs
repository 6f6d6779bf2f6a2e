namespace LangSmith.Http.Propagation;

/// <summary>What came of reading a carrier; also the <c>result</c> tag of the <c>langsmith.http.extractions</c> counter.</summary>
internal enum ExtractResult
{
    /// <summary>A parent was read.</summary>
    Extracted,

    /// <summary>The caller's trace is not recorded (<c>langsmith-sampled=0</c>).</summary>
    NotSampled,

    /// <summary>There is no <c>langsmith-trace</c>.</summary>
    Absent,

    /// <summary>Two <c>langsmith-trace</c> values, or a comma in one: nobody can say which is meant.</summary>
    Ambiguous,

    /// <summary>The value does not follow the grammar.</summary>
    Malformed,

    /// <summary>The value is longer than <see cref="DottedOrder.MaxLength"/>.</summary>
    TooLong,

    /// <summary>A segment lies more than <see cref="DottedOrder.MaxFuture"/> ahead of the clock.</summary>
    Future,

    /// <summary>The header names a project and an agent address, which exclude each other.</summary>
    ProjectAndAddress,

    /// <summary>The carrier or its getter threw.</summary>
    CarrierFailed,
}
