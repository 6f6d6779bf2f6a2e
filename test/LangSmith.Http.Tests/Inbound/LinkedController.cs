using Microsoft.AspNetCore.Mvc;

namespace LangSmith.Http.Tests;

/// <summary>A controller with a word of its own, and an action with another.</summary>
[ApiController]
[Route("mvc/linked")]
[LangSmithTracing(InboundTracing.Link)]
public sealed class LinkedController(LangSmithTracer tracer) : ControllerBase
{
    [HttpGet("plain")]
    public void Plain() => tracer.Run(Request.Path.Value!, static _ => { });

    [HttpGet("action")]
    [LangSmithTracing(InboundTracing.Continue)]
    public void Action() => tracer.Run(Request.Path.Value!, static _ => { });
}
