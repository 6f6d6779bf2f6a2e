using System.Reflection;

namespace LangSmith.Http.Tests;

/// <summary>
/// Adds up what an object and all that it refers to take in memory, by the runtime's layout on 64 bits. Unlike the size of the heap,
/// it does not depend on what other tests leave behind.
/// </summary>
internal static class ObjectGraph
{
    private const BindingFlags Fields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    public static long GetSize(object root)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var waiting = new Stack<object>([root]);
        var bytes = 0L;
        while (waiting.TryPop(out var item))
        {
            // Types, code and threads are the process's.
            if (item is MemberInfo or Assembly or Module or Delegate or Thread or Pointer || !seen.Add(item))
                continue;
            bytes += Align(item switch
            {
                string text => 22 + (2 * text.Length),
                Array array => 24 + (array.LongLength * GetSize(array.GetType().GetElementType()!)),
                _ => 16 + GetFieldsSize(item.GetType()),
            });
            if (item is Array elements && !elements.GetType().GetElementType()!.IsPrimitive)
            {
                foreach (var element in elements)
                    Visit(element, waiting);
            }
            else if (item is not string and not Array)
            {
                VisitFields(item, waiting);
            }
        }

        return bytes;
    }

    private static void Visit(object? value, Stack<object> waiting)
    {
        if (value is null)
            return;
        if (value.GetType().IsValueType)
            VisitFields(value, waiting);
        else
            waiting.Push(value);
    }

    private static void VisitFields(object value, Stack<object> waiting)
    {
        foreach (var field in GetFields(value.GetType()))
        {
            if (!field.FieldType.IsPrimitive && !field.FieldType.IsEnum && !field.FieldType.IsPointer && !field.FieldType.IsByRefLike)
                Visit(field.GetValue(value), waiting);
        }
    }

    private static IEnumerable<FieldInfo> GetFields(Type type)
    {
        for (var current = type; current is { IsPrimitive: false }; current = current.BaseType)
        {
            foreach (var field in current.GetFields(Fields))
                yield return field;
        }
    }

    private static long GetFieldsSize(Type type) => GetFields(type).Sum(static field => GetSize(field.FieldType));

    private static long GetSize(Type type) =>
        !type.IsValueType ? 8
        : type.IsEnum ? GetSize(Enum.GetUnderlyingType(type))
        : type.IsPrimitive ? Type.GetTypeCode(type) switch
        {
            TypeCode.Boolean or TypeCode.Byte or TypeCode.SByte => 1,
            TypeCode.Char or TypeCode.Int16 or TypeCode.UInt16 => 2,
            TypeCode.Int32 or TypeCode.UInt32 or TypeCode.Single => 4,
            _ => 8,
        }
        : Math.Max(1, GetFieldsSize(type));

    private static long Align(long bytes) => (bytes + 7) & ~7;
}
