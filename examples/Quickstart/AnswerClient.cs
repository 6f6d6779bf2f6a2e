namespace Quickstart;

/// <summary>The gateway's typed client. It knows nothing of tracing: the handler on its HttpClient does that.</summary>
internal sealed class AnswerClient(HttpClient http)
{
    public Task<string> AskAsync(string topic) => http.GetStringAsync($"answers/{topic}");

    public async Task<string> AskLaterAsync(string topic)
    {
        using var response = await http.PostAsync($"later/{topic}", content: null);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsStringAsync();
    }
}
