using System.Text.Json;

namespace LangSmith.Http.Runs.Capture;

/// <summary>How values of a type are written.</summary>
internal enum Shape
{
    /// <summary>Not at all: the type's name stands for the value.</summary>
    Name,

    /// <summary>A string.</summary>
    Text,

    /// <summary>An enum without metadata.</summary>
    Enum,

    /// <summary>By a method of <see cref="ForeignTypes"/>.</summary>
    Foreign,

    /// <summary>By <see cref="JsonSerializer"/>.</summary>
    Leaf,

    /// <summary>Member by member.</summary>
    Object,

    /// <summary>Element by element.</summary>
    List,

    /// <summary>Entry by entry.</summary>
    Dictionary,
}
