using Serving.Engine.Tokenization.Format;

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
            case "Split":
                stages.Add(ReadSplit(json));
                break;
            default:
                throw json.Fail($"the pre-tokenizer {type} is not supported");
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

    private static SplitPreTokenizer ReadSplit(JsonView json) =>
        new(ReadPattern(json.Get("pattern")), ReadBehavior(json.Get("behavior")), json.Bool("invert", false));

    private static DelimiterScanner ReadPattern(JsonView json)
    {
        if (json.TryGet("Regex", out var regex))
        {
            var pattern = regex.AsString();
            return pattern == Gpt2Scanner.Pattern
                ? new Gpt2Scanner()
                : Llama3Scanner.For(pattern) ?? throw regex.Fail($"the regular expression {pattern} is not supported");
        }

        throw json.Fail("must name a String or a Regex");
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
