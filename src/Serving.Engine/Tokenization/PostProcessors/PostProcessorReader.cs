using Serving.Engine.Tokenization.Format;

namespace Serving.Engine.Tokenization.PostProcessors;

/// <summary>Reads the <c>post_processor</c> of a tokenizer.json; an unknown one is refused by name.</summary>
internal static class PostProcessorReader
{
    public static SpecialTokenFrame Read(JsonView json)
    {
        var type = json.String("type");
        var frame = type switch
        {
            // Only offsets change, and nobody asks for these.
            "ByteLevel" => SpecialTokenFrame.None,
            "TemplateProcessing" => ReadTemplate(json),
            "Sequence" => json.Get("processors").Items().Aggregate(SpecialTokenFrame.None, (inner, item) => inner.Inside(Read(item))),
            _ => throw json.Fail($"the post-processor {type} is not supported"),
        };
        return frame.Prefix.Length + frame.Suffix.Length <= TokenizerLimits.FrameTokens
            ? frame
            : throw json.Fail($"more than {TokenizerLimits.FrameTokens} special tokens");
    }

    private static SpecialTokenFrame ReadTemplate(JsonView json)
    {
        List<int> prefix = [];
        List<int> suffix = [];
        var ids = prefix;
        var single = json.Get("single");
        foreach (var piece in single.Items())
        {
            if (piece.TryGet("SpecialToken", out var special))
            {
                ids.AddRange(ReadIds(json.Get("special_tokens").Get(special.String("id"))));
            }
            else if (piece.TryGet("Sequence", out var sequence) && sequence.String("id") == "A" && ids == prefix)
            {
                ids = suffix;
            }
            else
            {
                throw piece.Fail("must be a SpecialToken, or the one Sequence A");
            }
        }

        return ids == suffix ? new SpecialTokenFrame([.. prefix], [.. suffix]) : throw single.Fail("lacks the Sequence A");
    }

    private static IEnumerable<int> ReadIds(JsonView token) =>
        token.Get("ids").Items().Take(TokenizerLimits.FrameTokens + 1).Select(id => id.AsInt(TokenizerLimits.Ids));
}
