namespace LangSmith.Http.Runs.Capture;

/// <summary>Short names of types, which stand for values that cannot be written: <c>Lazy&lt;String&gt;</c>.</summary>
internal static class TypeNames
{
    internal static string Get(Type type)
    {
        if (type.IsArray)
            return $"{Get(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        if (type.Name.Contains("AnonymousType", StringComparison.Ordinal))
            return "anonymous type";
        var name = type.Name;
        // An iterator of the method Numbers is called <Numbers>d__3.
        if (name.StartsWith('<') && name.IndexOf('>') is > 1 and var end)
            return name[1..end];
        if (name.IndexOf('`') is > 0 and var arity)
            name = name[..arity];
        return type.IsGenericType ? $"{name}<{string.Join(',', type.GetGenericArguments().Select(Get))}>" : name;
    }
}
