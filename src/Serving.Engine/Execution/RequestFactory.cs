using System.Buffers.Binary;
using System.Security.Cryptography;
using Serving.Core.Adapters;
using Serving.Core.Requests;
using Serving.Engine.Loading;
using Serving.Engine.Models;
using Serving.Engine.Requests;

namespace Serving.Engine.Execution;

/// <summary>Completes a validated request with the model's defaults: what the core runs.</summary>
public sealed class RequestFactory
{
    private readonly GenerationConfig _defaults;
    private readonly IReadOnlyList<int> _endOfSequence;
    private readonly int _maxModelLength;
    private readonly int _poolPages;
    private readonly Func<int> _pinnedPages;
    private readonly EngineClock _clock;
    private long _lastId;

    /// <summary>Creates a factory.</summary>
    /// <param name="defaults">The model's generation defaults.</param>
    /// <param name="endOfSequence">Its end-of-sequence ids.</param>
    /// <param name="maxModelLength">Longest context.</param>
    /// <param name="poolPages">Pages in the pool: bounds a max_tokens that the client left open.</param>
    /// <param name="pinnedPages">Pages of it that pinned modules keep at the moment.</param>
    /// <param name="clock">For deadlines.</param>
    public RequestFactory(
        GenerationConfig defaults, IReadOnlyList<int> endOfSequence, int maxModelLength, int poolPages, Func<int> pinnedPages, EngineClock clock)
    {
        _defaults = defaults;
        _endOfSequence = endOfSequence;
        _maxModelLength = maxModelLength;
        _poolPages = poolPages;
        _pinnedPages = pinnedPages;
        _clock = clock;
    }

    /// <summary>Makes the core's request.</summary>
    public Request Create(GenerationRequest source, EncodedPrompt prompt, AdapterRef? adapter)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new Request
        {
            Id = new RequestId(Interlocked.Increment(ref _lastId)),
            Tenant = source.Tenant,
            Adapter = adapter,
            Prompt = prompt.Tokens,
            Imports = prompt.Modules?.Imports ?? [],
            Positions = prompt.Modules?.Positions,
            Choices = source.Choices,
            ScorePrompt = source.ScoresPrompt,
            EmbedPrompt = source.Embedding is not null,
            Priority = source.Priority,
            Deadline = source.Timeout is { } timeout ? _clock.Now + (long)(timeout.TotalSeconds * 1e6) : long.MaxValue,
            Sampling = Sampling(source, prompt, adapter),
        };
    }

    private static ulong DrawSeed()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private SamplingParameters Sampling(GenerationRequest source, EncodedPrompt prompt, AdapterRef? adapter) => new()
    {
        MaxTokens = source switch
        {
            { MaxTokens: { } wanted, MaxTokensMayBeCut: false } => wanted,
            { MaxTokens: var wanted } => Math.Min(wanted ?? int.MaxValue, RestOfContext(source.Choices, prompt, adapter)),
        },
        Temperature = source.Temperature ?? _defaults.Temperature ?? 1,
        TopP = source.TopP ?? _defaults.TopP ?? 1,
        TopK = Math.Max(0, source.TopK ?? _defaults.TopK ?? 0),
        MinP = source.MinP ?? _defaults.MinP ?? 0,
        RepetitionPenalty = source.RepetitionPenalty ?? _defaults.RepetitionPenalty ?? 1,
        PresencePenalty = source.PresencePenalty ?? 0,
        FrequencyPenalty = source.FrequencyPenalty ?? 0,
        Seed = source.Seed is { } seed ? unchecked((ulong)seed) : DrawSeed(),
        LogitBias = source.LogitBias is null ? [] : [.. source.LogitBias.OrderBy(entry => entry.Key).Select(entry => (entry.Key, entry.Value))],
        TopLogprobs = source.ReportedLogprobs,
        IsConstrained = source.EffectiveConstraint is not null || source.RulesTokensOut,
        StopTokenIds = source.IgnoreEos ? source.StopTokenIds : [.. _endOfSequence, .. source.StopTokenIds],
    };

    // What the context and the pool leave to each choice, when the client names no number.
    private int RestOfContext(int choices, EncodedPrompt prompt, AdapterRef? adapter)
    {
        const int PageTokens = Compute.Programs.ModelShape.PageTokens;
        var poolTokens = (long)(_poolPages - _pinnedPages() - (adapter?.PageCount ?? 0)) * PageTokens;
        var partlyFilled = prompt.Modules?.Imports.Count ?? 0; // A page at most of each import is not full.
        var perChoice = ((poolTokens - prompt.Tokens.Length) / choices) - ((1 + partlyFilled) * PageTokens);
        return (int)Math.Max(1, Math.Min(_maxModelLength - prompt.NextPosition, perChoice));
    }
}
