using Refit;

namespace LangSmith.Http.Tests;

/// <summary>Refit generates the client; it cannot for a nested interface.</summary>
internal interface IRefitApi
{
    [Get("/{path}")]
    Task<string> GetAsync(string path);
}
