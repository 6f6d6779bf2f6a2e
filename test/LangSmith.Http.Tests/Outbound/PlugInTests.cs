using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace LangSmith.Http.Tests;

/// <summary>A plug-in that brings a copy of the library: it unloads, and reads the process's switches.</summary>
public sealed class PlugInTests : TwoOrigins
{
    private static readonly Assembly Library = typeof(RunTree).Assembly;

    [Test]
    public void Unload_ContextThatSentARequest_IsCollected([Values] bool hasListener)
    {
        using var listener = hasListener ? Listen() : null;

        var context = SendInAContextOfItsOwn($"unload-{hasListener}", static () => new SocketsHttpHandler(), hasTargets: false);
        for (var attempt = 0; attempt < 20 && context.IsAlive; attempt++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.That(First.Received($"unload-{hasListener}").Single()["langsmith-trace"].Count, Is.EqualTo(1));
        Assert.That(context.IsAlive, Is.False, "Something of the process still has the plug-in's types.");
    }

    [Test]
    public void Send_RuntimeInternalsSwitchedOff_RedirectsOfAnHttpClientHandlerAreUnseen([Values] bool hasTargets)
    {
        // Our own copy has read the switch by now.
        using (var handler = new LangSmithPropagationHandler(new StubHandler()))
        using (var invoker = new HttpMessageInvoker(handler))
        using (var request = new HttpRequestMessage(HttpMethod.Get, First.Origin))
            invoker.Send(request, default).Dispose();
        AppContext.SetSwitch("LangSmith.Http.DisableRuntimeInternals", true);
        try
        {
            SendInAContextOfItsOwn($"off-{hasTargets}", static () => new HttpClientHandler(), hasTargets);
        }
        finally
        {
            AppContext.SetSwitch("LangSmith.Http.DisableRuntimeInternals", false);
        }

        Assert.That(First.Received($"off-{hasTargets}").Single()["langsmith-trace"].Count, Is.EqualTo(hasTargets ? 0 : 1));
    }

    // Nothing of it may be in a variable of a test.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference SendInAContextOfItsOwn(string caseId, Func<HttpMessageHandler> createPrimary, bool hasTargets)
    {
        var context = new AssemblyLoadContext("plug-in", isCollectible: true);
        var library = context.LoadFromAssemblyPath(Library.Location);
        var targets = Create(library, "LangSmithPropagationOptions");
        if (hasTargets)
            ((IList<string>)targets.GetType().GetProperty("Targets")!.GetValue(targets)!).Add(First.Origin.GetLeftPart(UriPartial.Authority));
        var handler = (HttpMessageHandler)Create(library, "LangSmithPropagationHandler", createPrimary(), targets);
        var options = Create(library, "LangSmithOptions");
        options.GetType().GetProperty("Tracing")!.SetValue(options, true);
        var tracer = Create(library, "LangSmithTracer", Create(library, "InMemoryRunRecorder"), options);
        var start = tracer.GetType().GetMethods().Single(static method => method.Name == "StartRun");
        using ((IDisposable)start.Invoke(tracer, [.. start.GetParameters().Select(static (parameter, at) => at == 0 ? "ask" : parameter.DefaultValue)])!)
        using (var invoker = new HttpMessageInvoker(handler))
        using (var request = new HttpRequestMessage(HttpMethod.Get, new Uri(First.Origin, $"/ok?case={caseId}")))
            invoker.Send(request, default).Dispose();
        context.Unload();
        return new WeakReference(context);
    }

    private static object Create(Assembly library, string type, params object?[] arguments)
    {
        var constructor = library.GetType($"LangSmith.Http.{type}", throwOnError: true)!.GetConstructors()
            .First(constructor => constructor.GetParameters().Length >= arguments.Length
                && constructor.GetParameters().Zip(arguments).All(static pair => pair.Second is null || pair.First.ParameterType.IsInstanceOfType(pair.Second)));
        return constructor.Invoke([.. constructor.GetParameters().Select((parameter, at) => at < arguments.Length ? arguments[at] : parameter.DefaultValue)]);
    }

    private static ActivityListener Listen()
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "System.Net.Http",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.None,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
