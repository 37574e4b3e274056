using Serving.Engine.Tokenization.Format;
using Serving.Engine.Tokenization.Patterns;

namespace Serving.Engine.Tokenization.Decoders;

/// <summary>Reads the <c>decoder</c> of a tokenizer.json as a flat list of stages; an unknown one is refused by name.</summary>
internal static class DecoderReader
{
    public static List<TokenDecoder> Read(JsonView json)
    {
        var stages = new List<TokenDecoder>();
        Add(json, stages);
        return stages;
    }

    private static void Add(JsonView json, List<TokenDecoder> stages)
    {
        var type = json.String("type");
        switch (type)
        {
            case "Sequence":
                foreach (var item in json.Get("decoders").Items())
                {
                    Add(item, stages);
                }

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

    private static TokenDecoder ReadOne(JsonView json, string type) => type switch
    {
        "ByteLevel" => new ByteLevelDecoder(),
        "ByteFallback" => new ByteFallbackDecoder(),
        "Fuse" => new FuseDecoder(),
        "Strip" => new StripDecoder(ReadCharacter(json.Get("content")), ReadCount(json, "start"), ReadCount(json, "stop")),
        "Replace" => new ReplaceDecoder(TextPattern.Read(json.Get("pattern")), json.Get("content").AsToken()),
        "Metaspace" => ReadMetaspace(json),
        _ => throw json.Fail($"the decoder {type} is not supported"),
    };

    private static MetaspaceDecoder ReadMetaspace(JsonView json)
    {
        var mark = json.TryGet("replacement", out var replacement) ? ReadCharacter(replacement) : '\u2581';
        var absent = json.Bool("add_prefix_space", true) ? "always" : "never";
        return new MetaspaceDecoder(mark, (json.OptionalString("prepend_scheme") ?? absent) != "never");
    }

    private static int ReadCount(JsonView json, string name) => json.Int(name, TokenizerLimits.TokenChars, absent: 0);

    private static char ReadCharacter(JsonView json) =>
        json.AsString() is [var single] ? single : throw json.Fail("must be one character of the basic plane");
}
