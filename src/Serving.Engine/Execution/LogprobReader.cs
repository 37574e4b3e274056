using Serving.Compute.Steps;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Execution;

/// <summary>Reads logprobs out of a step's outputs, with the text of their tokens.</summary>
public sealed class LogprobReader(Tokenizer tokenizer, StepOutputs outputs)
{
    /// <summary>The logprob of the token chosen or scored as an output, with the most likely ones.</summary>
    /// <param name="token">The token.</param>
    /// <param name="output">Index of the output.</param>
    /// <param name="count">How many most likely tokens were asked for.</param>
    public TokenLogprob Read(int token, int output, int count)
    {
        var top = count == 0 ? [] : new TokenLogprob[count];
        for (var i = 0; i < count; i++)
        {
            var at = (output * SampleRow.MaxTopLogprobs) + i;
            top[i] = Entry(outputs.TopIds[at], outputs.TopLogprobs[at], []);
        }

        return Entry(token, outputs.Logprobs[output], top);
    }

    /// <summary>The first prompt token: nothing before it, so no logprob.</summary>
    public TokenLogprob First(int token) => Entry(token, null, []);

    private TokenLogprob Entry(int token, float? logprob, IReadOnlyList<TokenLogprob> top) =>
        new(token, tokenizer.TokenText(token), [.. tokenizer.TokenBytes(token)], logprob, top) { IsSpecial = tokenizer.IsSpecial(token) };
}
