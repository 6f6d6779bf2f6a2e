using LangSmith.Http;
using Yarp.ReverseProxy.Forwarder;

namespace GatewayExample;

/// <summary>YARP makes its HTTP clients itself, without IHttpClientFactory: this puts our handler on them.</summary>
/// <remarks>
/// A request transform that writes the headers is no replacement. Transforms run first; then YARP takes <c>baggage</c> off
/// every request with an activity (its <c>ReverseProxyPropagator</c>; in ASP.NET Core nearly every request has one) and the
/// runtime writes a new one from <c>Activity.Baggage</c>. Project, metadata and tags of the run are lost, and the caller's
/// <c>tenant=7</c> becomes <c>tenant = 7</c>. Our handler writes behind that, and other people's members keep their bytes.
/// </remarks>
internal sealed class TracedForwarder : ForwarderHttpClientFactory
{
    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler) =>
        new LangSmithPropagationHandler(base.WrapHandler(context, handler));
}
