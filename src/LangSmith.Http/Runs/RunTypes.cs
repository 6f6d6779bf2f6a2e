namespace LangSmith.Http;

/// <summary>The run types LangSmith knows; others are accepted and shown as they are.</summary>
public static class RunTypes
{
    /// <summary>Several steps together; the default.</summary>
    public const string Chain = "chain";

    /// <summary>A call of a language model.</summary>
    public const string Llm = "llm";

    /// <summary>A tool an agent uses.</summary>
    public const string Tool = "tool";

    /// <summary>A search for documents.</summary>
    public const string Retriever = "retriever";

    /// <summary>A call of an embedding model.</summary>
    public const string Embedding = "embedding";

    /// <summary>The making of a prompt.</summary>
    public const string Prompt = "prompt";

    /// <summary>The reading of a model's output.</summary>
    public const string Parser = "parser";
}
