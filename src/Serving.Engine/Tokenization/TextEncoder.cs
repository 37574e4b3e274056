using System.Text;
using Serving.Engine.Tokenization.AddedTokens;
using Serving.Engine.Tokenization.Bpe;
using Serving.Engine.Tokenization.Normalizers;
using Serving.Engine.Tokenization.PreTokenizers;
using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization;

/// <summary>
/// Text to ids: added tokens are cut out, what lies between is normalized, added tokens that are looked for in normalized text
/// are cut out, and the rest goes through the pre-tokenizer to the model. Immutable; each call makes an
/// <see cref="EncodingCall"/> with buffers of its own.
/// </summary>
internal sealed class TextEncoder
{
    private readonly BpeModel _model;
    private readonly Normalizer[] _normalizers;
    private readonly PreTokenizer[] _stages;
    private readonly bool _asBytes;
    private readonly bool _keepsMarks;
    private readonly AddedTokenSplitter _plainTokens;
    private readonly AddedTokenSplitter _normalizedTokens;

    public TextEncoder(TokenizerParts parts)
    {
        _model = parts.Model;
        _normalizers = [.. parts.Normalizers];

        // The last stage only rewrites bytes in the byte alphabet, which the model reads from the text itself.
        _asBytes = parts.PreTokenizers is [.., ByteAlphabetPreTokenizer];
        _stages = [.. _asBytes ? parts.PreTokenizers.SkipLast(1) : parts.PreTokenizers];
        if (!_asBytes && _model.Options.IsPlain && HasWordBoundaries(parts))
        {
            _stages = [.. _stages, new BoundaryPreTokenizer()];
        }

        _plainTokens = new AddedTokenSplitter(parts.Added.Values.Where(token => !token.Normalized), content => content);
        _normalizedTokens = new AddedTokenSplitter(parts.Added.Values.Where(token => token.Normalized), Normalize);
        _keepsMarks = parts.Added.Values.Any(token => token.Normalized && token.Special);
    }

    /// <summary>The ids of a text, without the frame of special tokens.</summary>
    public int[] Encode(string text)
    {
        var run = new EncodingCall(this);
        _plainTokens.Split(WellFormed.Text(text), run);
        return run.Output.ToArray();
    }

    /// <summary>The text as the model's normalizer leaves it.</summary>
    public string Normalize(string text)
    {
        foreach (var normalizer in _normalizers)
        {
            text = normalizer.Normalize(text);
        }

        return text;
    }

    private static bool HasWordBoundaries(TokenizerParts parts) =>
        parts.Model.Vocabulary.Find(new Rune(BoundaryPreTokenizer.Mark)) >= 0
        && !parts.Model.MergedIds.Any(id => BoundaryPreTokenizer.Cuts(parts.Table.Token(id)!));

    private static ReadOnlySpan<char> WithoutMarks(ReadOnlySpan<char> text) =>
        text.Contains(AddedTokenReader.Mark) ? text.ToString().Replace("\uFDD0", string.Empty, StringComparison.Ordinal) : text;

    /// <summary>One call: takes the pieces of the first split, and as <see cref="NormalizedRuns"/> those of the second.</summary>
    private sealed class EncodingCall : IAddedTokenSink
    {
        private readonly TextEncoder _encoder;
        private readonly NormalizedRuns _normalized;

        public EncodingCall(TextEncoder encoder)
        {
            _encoder = encoder;
            PieceSink first = new ModelSink(encoder._model, encoder._asBytes, Output);
            for (var i = encoder._stages.Length - 1; i >= 0; i--)
            {
                first = encoder._stages[i].Before(first);
            }

            _normalized = new NormalizedRuns(first, Output);
        }

        public IdBuffer Output { get; } = new();

        public void OnToken(int id) => Output.Add(id);

        public void OnText(ReadOnlySpan<char> text, bool first)
        {
            text = _encoder._keepsMarks ? text : WithoutMarks(text);
            text = _encoder._normalizers.Length == 0 ? text : _encoder.Normalize(text.ToString());
            _normalized.AtStart = first;
            _encoder._normalizedTokens.Split(text, _normalized);
        }
    }

    private sealed class NormalizedRuns(PieceSink pieces, IdBuffer output) : IAddedTokenSink
    {
        public bool AtStart { get; set; }

        public void OnToken(int id) => output.Add(id);

        public void OnText(ReadOnlySpan<char> text, bool first)
        {
            text = WithoutMarks(text);
            if (!text.IsEmpty)
            {
                pieces.Accept(text, AtStart && first);
            }
        }
    }

    private sealed class ModelSink(BpeModel model, bool asBytes, IdBuffer output) : PieceSink
    {
        private readonly BpeMerger _merger = model.CreateMerger();

        public override void Accept(ReadOnlySpan<char> piece, bool atStart) => model.Encode(piece, asBytes, _merger, output);
    }
}
