using Serving.Engine.Tokenization.Format;
using Serving.Engine.Tokenization.Patterns;
using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>Reads the <c>pre_tokenizer</c> of a tokenizer.json as a flat list of stages; an unknown one is refused by name.</summary>
internal static class PreTokenizerReader
{
    public static List<PreTokenizer> Read(JsonView json)
    {
        var stages = new List<PreTokenizer>();
        Add(json, stages);
        return stages;
    }

    private static void Add(JsonView json, List<PreTokenizer> stages)
    {
        var type = json.String("type");
        switch (type)
        {
            case "Sequence":
                foreach (var item in json.Get("pretokenizers").Items())
                {
                    Add(item, stages);
                }

                break;
            case "ByteLevel":
                AddByteLevel(json, stages);
                break;
            default:
                stages.Add(ReadOne(json, type));
                break;
        }

        if (stages.Count > TokenizerLimits.Stages)
        {
            throw json.Fail($"more than {TokenizerLimits.Stages} stages");
        }
    }

    private static void AddByteLevel(JsonView json, List<PreTokenizer> stages)
    {
        if (json.Bool("add_prefix_space", true))
        {
            stages.Add(new LeadingSpacePreTokenizer());
        }

        if (json.Bool("use_regex", true))
        {
            stages.Add(new SplitPreTokenizer(new Gpt2Scanner(), SplitBehavior.Isolated, invert: false));
        }

        stages.Add(new ByteAlphabetPreTokenizer());
    }

    private static PreTokenizer ReadOne(JsonView json, string type) => type switch
    {
        "Split" => new SplitPreTokenizer(ReadPattern(json.Get("pattern")), ReadBehavior(json.Get("behavior")), json.Bool("invert", false)),
        "Metaspace" => ReadMetaspace(json),
        "Whitespace" => new SplitPreTokenizer(new WordScanner(), SplitBehavior.Removed, invert: true),
        "WhitespaceSplit" => new SplitPreTokenizer(new ClassScanner(CharClass.Space), SplitBehavior.Removed, invert: false),
        "Digits" => new SplitPreTokenizer(
            new ClassScanner(CharClass.Number), json.Bool("individual_digits", false) ? SplitBehavior.Isolated : SplitBehavior.Contiguous, invert: false),
        "Punctuation" => new SplitPreTokenizer(
            new ClassScanner(CharClass.Punctuation),
            json.TryGet("behavior", out var behavior) ? ReadBehavior(behavior) : SplitBehavior.Isolated,
            invert: false),
        _ => throw json.Fail($"the pre-tokenizer {type} is not supported"),
    };

    /// <summary>The well-known patterns have scanners of their own, which are faster than an expression.</summary>
    private static TextScanner ReadPattern(JsonView json)
    {
        var regex = json.OptionalString("Regex");
        return regex == Gpt2Scanner.Pattern ? new Gpt2Scanner() : Llama3Scanner.For(regex) ?? (TextScanner)TextPattern.Read(json);
    }

    private static MetaspacePreTokenizer ReadMetaspace(JsonView json)
    {
        var mark = json.TryGet("replacement", out var replacement) ? replacement.AsString() : "\u2581";
        if (mark.Length != 1)
        {
            throw replacement.Fail("must be one character of the basic plane");
        }

        var absent = json.Bool("add_prefix_space", true) ? "always" : "never";
        var scheme = (json.OptionalString("prepend_scheme") ?? absent) switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            var other => throw json.Fail($"the prepend_scheme {other} is not supported"),
        };
        return new MetaspacePreTokenizer(mark[0], scheme, json.Bool("split", true));
    }

    private static SplitBehavior ReadBehavior(JsonView json) => json.AsString() switch
    {
        "Isolated" => SplitBehavior.Isolated,
        "Removed" => SplitBehavior.Removed,
        "MergedWithPrevious" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" => SplitBehavior.MergedWithNext,
        "Contiguous" => SplitBehavior.Contiguous,
        var other => throw json.Fail($"the behavior {other} is not supported"),
    };
}
