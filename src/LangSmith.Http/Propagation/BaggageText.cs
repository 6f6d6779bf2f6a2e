namespace LangSmith.Http.Propagation;

/// <summary>
/// The foreign members of a line that a propagator of the application wrote, by their keys: their text is sent as it is.
/// </summary>
internal sealed class BaggageText : List<KeyValuePair<string, string?>>
{
    internal BaggageText(string line)
    {
        if (BaggageLine.GetForeignMembersToSend(line) is not { } foreign)
            return;
        foreach (var member in BaggageLine.Members(foreign))
            Add(new(member.Key.ToString(), member.Text.ToString()));
    }
}
