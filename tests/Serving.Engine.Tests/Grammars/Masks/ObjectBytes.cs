using System.Reflection;
using System.Runtime.CompilerServices;

namespace Serving.Engine.Tests.Grammars.Masks;

/// <summary>What an object keeps in memory: the bytes of everything that can be reached from it, counted field by field. A collector's figures are the whole process's, with all tests in it.</summary>
internal static class ObjectBytes
{
    private const int Header = 16;
    private const int Reference = 8;
    private const int ArrayHeader = 24;

    /// <summary>The bytes that can be reached from an object.</summary>
    /// <param name="root">The object.</param>
    /// <param name="without">What belongs to others: it is not counted, nor is what only leads through it.</param>
    public static long Of(object root, params ReadOnlySpan<object> without)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        foreach (var other in without)
        {
            seen.Add(other);
        }

        var open = new Stack<object>();
        Visit(root, seen, open);
        var bytes = 0L;
        while (open.TryPop(out var item))
        {
            bytes += Align(item is Array array ? OfArray(array, seen, open) : Header + OfFields(item, item.GetType(), seen, open));
        }

        return bytes;
    }

    private static long OfArray(Array array, HashSet<object> seen, Stack<object> open)
    {
        var element = array.GetType().GetElementType()!;
        if (!element.IsValueType)
        {
            foreach (var item in array)
            {
                Visit(item, seen, open);
            }

            return ArrayHeader + ((long)Reference * array.Length);
        }

        if (HasReferences(element))
        {
            foreach (var item in array)
            {
                OfFields(item!, element, seen, open);
            }
        }

        return ArrayHeader + ((long)SizeOf(element) * array.Length);
    }

    // The fields of an object, or of a structure in one.
    private static long OfFields(object item, Type type, HashSet<object> seen, Stack<object> open)
    {
        var bytes = 0L;
        for (var level = type; level is not null; level = level.BaseType)
        {
            foreach (var field in level.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                bytes += field.FieldType.IsValueType ? SizeOf(field.FieldType) : Reference;
                if (!field.FieldType.IsValueType)
                {
                    Visit(field.GetValue(item), seen, open);
                }
                else if (HasReferences(field.FieldType))
                {
                    OfFields(field.GetValue(item)!, field.FieldType, seen, open);
                }
            }
        }

        return bytes;
    }

    // Types, threads and functions are everybody's, and so are comparers.
    private static void Visit(object? item, HashSet<object> seen, Stack<object> open)
    {
        if (item is not (null or Type or Delegate or Thread or MemberInfo or Pointer) && !item.GetType().Name.Contains("Comparer", StringComparison.Ordinal) && seen.Add(item))
        {
            open.Push(item);
        }
    }

    private static bool HasReferences(Type type) => (bool)Call(nameof(RuntimeHelpers.IsReferenceOrContainsReferences), typeof(RuntimeHelpers), type)!;

    private static int SizeOf(Type type) => (int)Call(nameof(Unsafe.SizeOf), typeof(Unsafe), type)!;

    private static object? Call(string name, Type owner, Type type) =>
        type.IsPointer || type.IsByRefLike ? (name == nameof(Unsafe.SizeOf) ? Reference : false) : owner.GetMethod(name, 1, [])!.MakeGenericMethod(type).Invoke(null, null);

    private static long Align(long bytes) => (bytes + 7) / 8 * 8;
}
