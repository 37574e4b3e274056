using System.Numerics;

namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary><c>None</c>.</summary>
internal sealed class NoneValue : TemplateValue
{
    public static readonly NoneValue Instance = new();

    public override string TypeName => "NoneType";

    public override bool IsTrue => false;
}

/// <summary><c>True</c> or <c>False</c>.</summary>
internal sealed class BoolValue : TemplateValue
{
    public static readonly BoolValue True = new(true);

    public static readonly BoolValue False = new(false);

    private BoolValue(bool value) => IsTrue = value;

    public override string TypeName => "bool";

    public override bool IsTrue { get; }

    public static BoolValue Of(bool value) => value ? True : False;
}

/// <summary>An integer of any size up to <see cref="MaxBits"/>.</summary>
internal sealed class IntValue(BigInteger number) : TemplateValue
{
    /// <summary>Bits an integer may have: far over what a schema's bounds need, and cheap to multiply and print.</summary>
    public const int MaxBits = 4096;

    public BigInteger Number { get; } = number;

    public override string TypeName => "int";

    public override bool IsTrue => !Number.IsZero;

    /// <summary>The value of <paramref name="number"/>; faults when it has too many bits.</summary>
    public static IntValue Of(BigInteger number) => number.GetBitLength() <= MaxBits
        ? new IntValue(number)
        : throw new TemplateFault($"an integer has more than {MaxBits} bits");
}

/// <summary>A double.</summary>
internal sealed class FloatValue(double number) : TemplateValue
{
    public double Number { get; } = number;

    public override string TypeName => "float";

    public override bool IsTrue => Number != 0;
}

/// <summary>A string. Positions and lengths that a template sees count code points, as Python's do.</summary>
internal sealed class StringValue(string text, bool isMarkup = false) : TemplateValue
{
    private int _codePoints = -1;

    public static StringValue Empty { get; } = new(string.Empty);

    public string Text { get; } = text;

    /// <summary>True after <c>|safe</c> or <c>|escape</c>: what is added to it is HTML-escaped, as markupsafe does.</summary>
    public bool IsMarkup { get; } = isMarkup;

    /// <summary>Length in code points; counted once.</summary>
    public int CodePoints => _codePoints >= 0 ? _codePoints : _codePoints = Values.CodePoints.Count(Text);

    /// <summary>True when UTF-16 units and code points are the same.</summary>
    public bool IsBasic => CodePoints == Text.Length;

    public override string TypeName => IsMarkup ? "Markup" : "str";

    public override bool IsTrue => Text.Length > 0;
}

/// <summary>What a missing name or attribute yields: printable as nothing, iterable as empty, an error in nearly all else.</summary>
internal sealed class UndefinedValue(string message) : TemplateValue
{
    /// <summary>What is missing; the text of the error when the value is used.</summary>
    public string Message { get; } = message;

    public override string TypeName => "Undefined";

    public override bool IsTrue => false;

    /// <summary>The fault of using the value.</summary>
    public TemplateFault Fault() => new(Message);
}
