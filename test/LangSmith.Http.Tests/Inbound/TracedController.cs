using Microsoft.AspNetCore.Mvc;

namespace LangSmith.Http.Tests;

/// <summary>Actions that start a run named by the path; one has a word of its own.</summary>
[ApiController]
[Route("mvc")]
public sealed class TracedController(LangSmithTracer tracer) : ControllerBase
{
    [HttpGet("plain")]
    [HttpGet("answers/{topic}")]
    public void Plain() => tracer.Run(Request.Path.Value!, static _ => { });

    [HttpGet("action")]
    [LangSmithTracing(InboundTracing.Link)]
    public void Action() => tracer.Run(Request.Path.Value!, static _ => { });

    /// <summary>Streams; every step is a run and a call to the next service.</summary>
    [HttpGet("steps")]
    public IAsyncEnumerable<string> Steps([FromServices] IHttpClientFactory clients, Uri next) => TrustedRequestTests.StepsAsync(tracer, clients, next);
}
