using Serving.Engine.Tokenization.Format;

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
            case "ByteLevel":
                stages.Add(new ByteLevelDecoder());
                break;
            default:
                throw json.Fail($"the decoder {type} is not supported");
        }

        if (stages.Count > TokenizerLimits.Stages)
        {
            throw json.Fail($"more than {TokenizerLimits.Stages} stages");
        }
    }
}
