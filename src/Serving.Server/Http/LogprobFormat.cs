using System.Globalization;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;

namespace Serving.Server.Http;

/// <summary>Writes logprobs in the two styles of the API.</summary>
internal static class LogprobFormat
{
    /// <summary>Stands for minus infinity, which JSON cannot write; vLLM's value.</summary>
    public const float Lowest = -9999;

    /// <summary>The chat style.</summary>
    public static ChatLogprobs? Chat(IReadOnlyList<TokenLogprob>? tokens) =>
        tokens is null ? null : new ChatLogprobs([.. tokens.Select(token => Entry(token) with { TopLogprobs = [.. token.Top.Select(Entry)] })]);

    /// <summary>Those of a prompt, as vLLM writes them: by token id, the prompt's own token before the likeliest.</summary>
    public static IReadOnlyList<IReadOnlyDictionary<string, PromptLogprob>?>? Prompt(IReadOnlyList<TokenLogprob>? tokens) =>
        tokens is null ? null : [.. tokens.Select(static token => token.Logprob is null ? null : Ranked(token))];

    /// <summary>The completions style.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="offsets">Counts the choice's text; moved on past them.</param>
    public static CompletionLogprobs? Completion(IReadOnlyList<TokenLogprob>? tokens, TextOffsets offsets)
    {
        if (tokens is null)
        {
            return null;
        }

        var (begins, logprobs, texts, tops) = (new List<int>(), new List<float?>(), new List<string>(), new List<IReadOnlyDictionary<string, float>?>());
        foreach (var token in tokens)
        {
            begins.Add(offsets.Next(token));
            logprobs.Add(token.Logprob is { } value ? Finite(value) : null);
            texts.Add(token.Text);
            tops.Add(token.Logprob is null ? null : Top(token));
        }

        return new CompletionLogprobs { TextOffset = begins, TokenLogprobs = logprobs, Tokens = texts, TopLogprobs = tops };
    }

    private static Dictionary<string, PromptLogprob> Ranked(TokenLogprob token)
    {
        var ranked = new Dictionary<string, PromptLogprob>();
        Add(token, token.Top.Select(static top => top.Token).ToList().IndexOf(token.Token) is >= 0 and var place ? place + 1 : null);
        for (var i = 0; i < token.Top.Count; i++)
        {
            Add(token.Top[i], i + 1);
        }

        return ranked;

        void Add(TokenLogprob one, int? rank) =>
            ranked.TryAdd(one.Token.ToString(CultureInfo.InvariantCulture), new PromptLogprob(Finite(one.Logprob ?? Lowest), rank, one.Text));
    }

    // Several tokens may have one text (parts of a character); the likeliest one keeps it.
    private static Dictionary<string, float> Top(TokenLogprob token)
    {
        var top = new Dictionary<string, float>();
        foreach (var candidate in token.Top.Append(token))
        {
            top.TryAdd(candidate.Text, Finite(candidate.Logprob ?? Lowest));
        }

        return top;
    }

    private static ChatTokenLogprob Entry(TokenLogprob token) => new()
    {
        Token = token.Text,
        Logprob = Finite(token.Logprob ?? Lowest),
        Bytes = [.. token.Bytes.Select(value => (int)value)],
    };

    private static float Finite(float value) => float.IsFinite(value) ? value : Lowest;
}
