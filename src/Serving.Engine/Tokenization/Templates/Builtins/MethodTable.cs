using System.Collections.Frozen;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>The methods that values have, by type.</summary>
internal static class MethodTable
{
    /// <summary>Methods that would change their list or object; the sandbox hides them and says so when they are called.</summary>
    private static readonly FrozenSet<string> Mutators = FrozenSet.ToFrozenSet(
    [
        "append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update",
    ]);

    private static readonly FrozenDictionary<string, Builtin> OfString = StringMethods.All.Concat(StringTestMethods.All).ToFrozenDictionary(m => m.Name);

    private static readonly FrozenDictionary<string, Builtin> OfSequence = CollectionMethods.OfSequence.ToFrozenDictionary(m => m.Name);

    private static readonly FrozenDictionary<string, Builtin> OfDict = CollectionMethods.OfDict.ToFrozenDictionary(m => m.Name);

    /// <summary>A method of the value's type, or null.</summary>
    public static Builtin? Find(TemplateValue value, string name) => value switch
    {
        StringValue => OfString.GetValueOrDefault(name),
        ListValue or TupleValue or RangeValue => OfSequence.GetValueOrDefault(name),
        DictValue => OfDict.GetValueOrDefault(name),
        _ => null,
    };

    /// <summary>An undefined value that says why, for a method which the sandbox forbids; null for any other name.</summary>
    public static UndefinedValue? Unsafe(TemplateValue value, string name)
    {
        var forbidden = value switch
        {
            ListValue => Mutators.Contains(name) && name is not ("popitem" or "setdefault" or "update"),
            DictValue => name is "clear" or "pop" or "popitem" or "setdefault" or "update",
            _ => false,
        };
        return forbidden ? new UndefinedValue($"access to attribute '{name}' of '{value.TypeName}' object is unsafe.") : null;
    }
}
