using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Json;

/// <summary>
/// The grammar of JSON texts (RFC 8259), with white space as <see cref="JsonStyle"/> has it and none around the whole. What is used by many is a rule
/// that is made when it is first asked for.
/// </summary>
public sealed class JsonGrammar
{
    /// <summary>Most spaces that begin a line.</summary>
    public const int MaxIndent = 40;

    /// <summary>Most tabs that begin a line.</summary>
    public const int MaxTabs = 16;

    private readonly GrammarBuilder _builder;
    private readonly Lazy<GrammarExpression> _gap;
    private readonly Lazy<GrammarExpression> _string;
    private readonly Lazy<GrammarExpression> _number;
    private readonly Lazy<GrammarExpression> _integer;
    private readonly Lazy<GrammarExpression> _comma;
    private RuleExpression? _value;
    private RuleExpression? _object;
    private RuleExpression? _array;

    /// <summary>Creates the grammar's parts.</summary>
    /// <param name="builder">Takes the rules.</param>
    /// <param name="style">Where white space may stand.</param>
    public JsonGrammar(GrammarBuilder builder, JsonStyle style)
    {
        _builder = builder;
        var isSpaced = style == JsonStyle.Spaced;
        Colon = isSpaced ? Express.Concat(Express.Text(":"), Express.Optional(Express.Text(" "))) : Express.Text(":");
        _gap = new(() => isSpaced ? builder.Add(Gaps()) : GrammarExpression.Empty);
        _comma = new(() => Express.Concat(Express.Text(","), Gap));
        _string = new(() => builder.Add(WrittenStrings.Quoted(Express.Repeat(WrittenStrings.AnyCharacter, 0, null))));
        _number = new(() => builder.Add(JsonNumbers.Any));
        _integer = new(() => builder.Add(JsonNumbers.AnyInteger));
    }

    /// <summary>White space.</summary>
    public GrammarExpression Gap => _gap.Value;

    /// <summary>A comma and the white space behind it.</summary>
    public GrammarExpression Comma => _comma.Value;

    /// <summary>A colon and the white space behind it.</summary>
    public GrammarExpression Colon { get; }

    /// <summary>true or false.</summary>
    public static GrammarExpression Boolean { get; } = Express.Choice(Express.Text("true"), Express.Text("false"));

    /// <summary>null.</summary>
    public static GrammarExpression Null { get; } = Express.Text("null");

    /// <summary>Any string.</summary>
    public GrammarExpression String => _string.Value;

    /// <summary>Any number, see <see cref="JsonNumbers"/> for its bounds.</summary>
    public GrammarExpression Number => _number.Value;

    /// <summary>Any integer.</summary>
    public GrammarExpression Integer => _integer.Value;

    /// <summary>Any value.</summary>
    public GrammarExpression Value =>
        _value ?? Defined(ref _value, () => Express.Choice(Object, Array, String, Number, Boolean, Null));

    /// <summary>Any object.</summary>
    public GrammarExpression Object =>
        _object ?? Defined(ref _object, () => InBrackets('{', '}', List(Express.Concat(String, Colon, Value), 0, null), isOptional: true));

    /// <summary>Any array.</summary>
    public GrammarExpression Array =>
        _array ?? Defined(ref _array, () => InBrackets('[', ']', List(Value, 0, null), isOptional: true));

    /// <summary>What stands between brackets, with white space inside of them.</summary>
    /// <param name="open">The opening bracket.</param>
    /// <param name="close">The closing bracket.</param>
    /// <param name="content">What is between them, not empty.</param>
    /// <param name="isOptional">Whether nothing at all may be between them, not even white space.</param>
    public GrammarExpression InBrackets(char open, char close, GrammarExpression content, bool isOptional)
    {
        var inner = Express.Concat(Gap, content, Gap);
        return Express.Concat(Express.Text(open.ToString()), isOptional ? Express.Optional(inner) : inner, Express.Text(close.ToString()));
    }

    /// <summary>One or more items with commas between them.</summary>
    /// <param name="item">An item.</param>
    /// <param name="least">At least so many; 1 is meant where it is 0.</param>
    /// <param name="most">At most so many; null is without end.</param>
    public GrammarExpression List(GrammarExpression item, int least, int? most) => most == 0
        ? GrammarExpression.Never
        : Express.Concat(item, Express.Repeat(Express.Concat(Comma, item), Math.Max(least - 1, 0), most - 1));

    /// <summary>A member of an object.</summary>
    /// <param name="name">Its name as it stands in the text, with quotes.</param>
    /// <param name="value">Its value.</param>
    public GrammarExpression Member(GrammarExpression name, GrammarExpression value) => Express.Concat(name, Colon, value);

    private static GrammarExpression Gaps() => Express.Choice(
        GrammarExpression.Empty,
        Express.Text(" "),
        Express.Concat(Express.Text("\n"), Express.Choice(Express.Repeat(Express.Text(" "), 0, MaxIndent), Express.Repeat(Express.Text("\t"), 1, MaxTabs))));

    private RuleExpression Defined(ref RuleExpression? rule, Func<GrammarExpression> content)
    {
        rule = _builder.Announce();
        _builder.Define(rule, content());
        return rule;
    }
}
