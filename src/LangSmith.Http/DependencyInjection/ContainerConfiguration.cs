using LangSmith.Http.Runs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;

namespace LangSmith.Http.DependencyInjection;

/// <summary>
/// A container's configuration, as the options of all packages read it: the variables, the section <c>LangSmith</c> and,
/// over it, the sections given to <c>AddLangSmith</c>.
/// </summary>
internal sealed class ContainerConfiguration
{
    private readonly IConfiguration? _root;
    private readonly IReadOnlyList<IConfigurationSection> _sections;

    public ContainerConfiguration(IEnumerable<AddedSection> added, IConfiguration? root = null)
    {
        _root = root;
        var sections = added.Select(static added => added.Section);
        _sections = root is null ? [.. sections] : [root.GetSection(LangSmithOptions.SectionName), .. sections];
        Reader = new ConfigurationReader(new LangSmithVariables(root), _sections);
    }

    internal ConfigurationReader Reader { get; }

    /// <summary>A token that follows the root, and so the variables in it, and the sections.</summary>
    internal IChangeToken GetChangeToken() =>
        new CompositeChangeToken([.. _sections.Prepend(_root).Select(static source => source?.GetReloadToken()).OfType<IChangeToken>()]);

    /// <summary>A section given to <c>AddLangSmith</c>.</summary>
    internal sealed record AddedSection(IConfigurationSection Section);
}
