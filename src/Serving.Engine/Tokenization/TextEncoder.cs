using Serving.Engine.Tokenization.AddedTokens;
using Serving.Engine.Tokenization.Bpe;
using Serving.Engine.Tokenization.PreTokenizers;
using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization;

/// <summary>
/// Text to ids: added tokens are cut out, what lies between goes through the pre-tokenizer to the model. Immutable; each call makes a
/// <see cref="Run"/> with its own buffers.
/// </summary>
internal sealed class TextEncoder
{
    private readonly BpeModel _model;
    private readonly PreTokenizer[] _stages;
    private readonly bool _asBytes;
    private readonly AddedTokenSplitter _plainTokens;

    public TextEncoder(TokenizerParts parts)
    {
        _model = parts.Model;

        // The last stage only rewrites bytes in the byte alphabet, which the model reads from the text itself.
        _asBytes = parts.PreTokenizers is [.., ByteAlphabetPreTokenizer];
        _stages = [.. _asBytes ? parts.PreTokenizers.SkipLast(1) : parts.PreTokenizers];
        _plainTokens = new AddedTokenSplitter(parts.Added.Values, content => content);
    }

    /// <summary>The ids of a text, without the frame of special tokens.</summary>
    public int[] Encode(string text)
    {
        var run = new Run(this);
        _plainTokens.Split(WellFormed.Text(text), run);
        return run.Output.ToArray();
    }

    private sealed class Run : IAddedTokenSink
    {
        private readonly PieceSink _first;

        public Run(TextEncoder encoder)
        {
            _first = new ModelSink(encoder._model, encoder._asBytes, Output);
            for (var i = encoder._stages.Length - 1; i >= 0; i--)
            {
                _first = encoder._stages[i].Before(_first);
            }
        }

        public IdBuffer Output { get; } = new();

        public void OnToken(int id) => Output.Add(id);

        public void OnText(ReadOnlySpan<char> text, bool first)
        {
            var plain = text.Contains(AddedTokenReader.Mark) ? text.ToString().Replace("\uFDD0", string.Empty, StringComparison.Ordinal) : text;
            if (!plain.IsEmpty)
            {
                _first.Accept(plain, first);
            }
        }
    }

    private sealed class ModelSink(BpeModel model, bool asBytes, IdBuffer output) : PieceSink
    {
        private readonly BpeMerger _merger = model.CreateMerger();

        public override void Accept(ReadOnlySpan<char> piece, bool atStart) => model.Encode(piece, asBytes, _merger, output);
    }
}
