using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace LangSmith.Http.Runs.Capture;

/// <summary>
/// EF Core entities whose navigations ask the database when they are read, because they are proxies or hold a loader. EF Core is not
/// referenced, so it is recognised by name.
/// </summary>
internal sealed class LazyLoading
{
    private const BindingFlags Instance = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    private readonly Func<object, object?> _getLoader;
    private readonly MethodInfo? _isLoaded;

    private LazyLoading(Func<object, object?> getLoader, Type loader)
    {
        _getLoader = getLoader;
        _isLoaded = loader.FullName == Loader ? FindIsLoaded(loader) : null;
    }

    private static string Loader => "Microsoft.EntityFrameworkCore.Infrastructure.ILazyLoader";

    /// <summary>How the entities of a type load; null if they do not.</summary>
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "EF Core does not support trimming.")]
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "EF Core does not support trimming.")]
    internal static LazyLoading? Find(Type type)
    {
        var proxy = Array.Find(type.GetInterfaces(), static implemented => implemented.Name == "IProxyLazyLoader");
        if (proxy?.GetProperty("LazyLoader") is { } property)
            return new LazyLoading(property.GetValue, property.PropertyType);
        for (var candidate = type; candidate is not null; candidate = candidate.BaseType)
        {
            // A loader may also be a delegate, which says nothing of what is loaded.
            var field = Array.Find(candidate.GetFields(Instance | BindingFlags.DeclaredOnly), static field =>
                field.FieldType.FullName == Loader || field.FieldType == typeof(Action<object, string>));
            if (field is not null)
                return new LazyLoading(field.GetValue, field.FieldType);
        }

        return null;
    }

    /// <summary>True if a navigation can be read without a query.</summary>
    internal bool IsLoaded(object entity, string navigation) => _getLoader(entity) switch
    {
        // An entity that the application made itself.
        null => true,
        var loader => _isLoaded?.Invoke(loader, [entity, navigation]) is true,
    };

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "EF Core does not support trimming.")]
    private static MethodInfo? FindIsLoaded(Type loader) => loader.GetMethod("IsLoaded", [typeof(object), typeof(string)]);
}
