namespace LangSmith.Http.Diagnostics;

/// <summary>What went wrong without hurting the call; the <c>kind</c> of the counter <c>langsmith.http.faults</c>.</summary>
internal enum Fault
{
    EditAfterEnd,
    NotSerializable,
    PayloadCut,
    RecorderFailed,
    RedactorFailed,
    CallbackFailed,
    UnreadableMember,
    BadArgument,
    BadReload,
}
