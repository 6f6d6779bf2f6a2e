using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace LangSmith.Http.Tests;

/// <summary>A plug-in that brings the library, and sends requests with it, unloads.</summary>
public sealed class UnloadTests : TwoOrigins
{
    [Test]
    public void Unload_ContextThatSentARequest_IsCollected([Values] bool hasListener)
    {
        using var listener = hasListener ? Listen() : null;

        var context = SendInAContextOfItsOwn();
        for (var attempt = 0; attempt < 20 && context.IsAlive; attempt++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.That(First.Received("plug-in").Select(static received => received["langsmith-trace"].Count), Has.All.EqualTo(1));
        Assert.That(context.IsAlive, Is.False, "Something of the process still has the plug-in's types.");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference SendInAContextOfItsOwn()
    {
        var context = new AssemblyLoadContext("plug-in", isCollectible: true);
        var library = context.LoadFromAssemblyPath(typeof(RunTree).Assembly.Location);
        var handler = (HttpMessageHandler)Create(library, "LangSmithPropagationHandler", new SocketsHttpHandler(), null);
        var options = Create(library, "LangSmithOptions");
        options.GetType().GetProperty("Tracing")!.SetValue(options, true);
        var tracer = Create(library, "LangSmithTracer", Create(library, "InMemoryRunRecorder"), options);
        var start = tracer.GetType().GetMethods().Single(static method => method.Name == "StartRun");
        using ((IDisposable)start.Invoke(tracer, [.. start.GetParameters().Select(static (parameter, at) => at == 0 ? "ask" : parameter.DefaultValue)])!)
        using (var invoker = new HttpMessageInvoker(handler))
        using (var request = new HttpRequestMessage(HttpMethod.Get, new Uri(First.Origin, "/ok?case=plug-in")))
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
