using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using LangSmith.Http.Runs;

namespace LangSmith.Http.Outbound.Redirects;

/// <summary>
/// The members of <c>System.Net.Http</c> that are not public and that we need. Each call falls back to what is right
/// without the member, because another runtime may not have it.
/// </summary>
internal static class RuntimeInternals
{
    /// <summary>
    /// The <see cref="AppContext"/> switch with which an operator turns all of this off: set it to true.
    /// </summary>
    internal const string OffSwitch = "LangSmith.Http.DisableRuntimeInternals";

    private static readonly bool IsOff = AppContext.TryGetSwitch(OffSwitch, out var isOff) && isOff;
    private static readonly bool HasLazyMembers = FindLazyMembers();

    /// <summary>
    /// False if a message has no headers. To read <see cref="HttpRequestMessage.Headers"/> would create the collection, and a
    /// message without a run must cost nothing.
    /// </summary>
    internal static bool HasHeaders(HttpRequestMessage request) => !HasLazyMembers || RuntimeAccessors.GetHasHeaders(request);

    /// <summary>False if a message has no options. To read <see cref="HttpRequestMessage.Options"/> would create them.</summary>
    internal static bool HasOptions(HttpRequestMessage request) => !HasLazyMembers || RuntimeAccessors.GetOptions(request) is not null;

    /// <summary>
    /// The handler inside an <see cref="HttpClientHandler"/> that sends its requests; null if it cannot be reached. On mobile
    /// platforms there is none.
    /// </summary>
    internal static SocketsHttpHandler? GetSocketsHandler(HttpClientHandler handler)
    {
        if (IsOff)
            return null;
        try
        {
            return RuntimeAccessors.GetUnderlyingHandler(handler);
        }
        catch (MissingFieldException)
        {
            return null;
        }
    }

    /// <summary>
    /// True if a primary handler that is none of the runtime's says that it follows redirects, by the property that
    /// <c>WinHttpHandler</c> or a mobile platform's handler has.
    /// </summary>
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "A property that was trimmed away says nothing.")]
    internal static bool FollowsRedirects(HttpMessageHandler primary)
    {
        try
        {
            var type = primary.GetType();
            return (type.GetProperty("AutomaticRedirection", typeof(bool)) ?? type.GetProperty("AllowAutoRedirect", typeof(bool)))
                ?.GetValue(primary) is true;
        }
        catch (Exception exception) when (exception is TargetInvocationException or AmbiguousMatchException or ArgumentException)
        {
            // The property threw, is declared twice or can only be set.
            return false;
        }
    }

    /// <summary>
    /// Makes the runtime create its <see cref="System.Diagnostics.DiagnosticListener"/> now instead of at the first request, so
    /// that it is known whether it has a subscriber.
    /// </summary>
    internal static void CreateDiagnosticListener()
    {
        try
        {
            if (!IsOff && Type.GetType("System.Net.Http.DiagnosticsHandler, System.Net.Http") is { } type)
                RuntimeHelpers.RunClassConstructor(type.TypeHandle);
        }
        catch (TypeInitializationException)
        {
            // An observer threw. The runtime reports it to the first request, as it would without us.
        }
    }

    /// <summary>True if the process has switched off that requests carry activities. Read as the runtime reads it.</summary>
    internal static bool IsPropagationOff { get; } = ReadPropagationSwitch();

    private static bool FindLazyMembers()
    {
        if (IsOff)
            return false;
        try
        {
            using var request = new HttpRequestMessage();
            return !RuntimeAccessors.GetHasHeaders(request) && RuntimeAccessors.GetOptions(request) is null;
        }
        catch (MissingMemberException)
        {
            return false;
        }
    }

    private static bool ReadPropagationSwitch()
    {
        if (AppContext.TryGetSwitch("System.Net.Http.EnableActivityPropagation", out var isEnabled))
            return !isEnabled;
        var value = LangSmithVariables.OfProcess("DOTNET_SYSTEM_NET_HTTP_ENABLEACTIVITYPROPAGATION");
        return value is not null && (value == "0" || value.Equals("false", StringComparison.OrdinalIgnoreCase));
    }
}

// Of their own, so that trimming keeps what they name.
file static class RuntimeAccessors
{
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_HasHeaders")]
    internal static extern bool GetHasHeaders(HttpRequestMessage request);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_options")]
    internal static extern ref HttpRequestOptions? GetOptions(HttpRequestMessage request);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_underlyingHandler")]
    internal static extern ref SocketsHttpHandler GetUnderlyingHandler(HttpClientHandler handler);
}
