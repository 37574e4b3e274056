using Serving.Engine.Tokenization.Format;
using Serving.Engine.Tokenization.Patterns;

namespace Serving.Engine.Tokenization.Normalizers;

/// <summary>Reads the <c>normalizer</c> of a tokenizer.json as a flat list of stages; an unknown one is refused by name.</summary>
internal static class NormalizerReader
{
    public static List<Normalizer> Read(JsonView json)
    {
        var stages = new List<Normalizer>();
        Add(json, stages);
        return stages;
    }

    private static void Add(JsonView json, List<Normalizer> stages)
    {
        var type = json.String("type");
        if (type == "Sequence")
        {
            foreach (var item in json.Get("normalizers").Items())
            {
                Add(item, stages);
            }
        }
        else
        {
            stages.Add(ReadOne(json, type));
        }

        if (stages.Count > TokenizerLimits.Stages)
        {
            throw json.Fail($"more than {TokenizerLimits.Stages} stages");
        }
    }

    private static Normalizer ReadOne(JsonView json, string type) => type switch
    {
        "NFC" => new NormalForm(compatible: false, compose: true),
        "NFD" => new NormalForm(compatible: false, compose: false),
        "NFKC" => new NormalForm(compatible: true, compose: true),
        "NFKD" => new NormalForm(compatible: true, compose: false),
        "Lowercase" => new LowercaseNormalizer(),
        "StripAccents" => new StripAccentsNormalizer(),
        "Prepend" => new PrependNormalizer(json.Get("prepend").AsToken()),
        "Strip" => new StripNormalizer(json.Bool("strip_left", true), json.Bool("strip_right", true)),
        "Replace" => new ReplaceNormalizer(new TextReplacement(TextPattern.Read(json.Get("pattern")), json.Get("content").AsToken())),
        _ => throw json.Fail($"the normalizer {type} is not supported"),
    };
}
