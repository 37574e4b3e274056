using Serving.Engine.Tokenization.AddedTokens;
using Serving.Engine.Tokenization.Bpe;
using Serving.Engine.Tokenization.Decoders;
using Serving.Engine.Tokenization.Normalizers;
using Serving.Engine.Tokenization.PostProcessors;
using Serving.Engine.Tokenization.PreTokenizers;

namespace Serving.Engine.Tokenization;

/// <summary>What a tokenizer consists of, in the order a text meets it.</summary>
internal sealed record TokenizerParts
{
    public required IReadOnlyDictionary<string, AddedToken> Added { get; init; }

    public required IReadOnlyList<Normalizer> Normalizers { get; init; }

    public required IReadOnlyList<PreTokenizer> PreTokenizers { get; init; }

    public required BpeModel Model { get; init; }

    public required SpecialTokenFrame Frame { get; init; }

    public required IReadOnlyList<TokenDecoder> Decoders { get; init; }

    public required TokenTable Table { get; init; }
}
