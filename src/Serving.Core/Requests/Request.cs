using Serving.Core.Adapters;
using Serving.Core.Modules;
using Serving.Core.Tenancy;

namespace Serving.Core.Requests;

/// <summary>A request's number, unique in a daemon's life.</summary>
public readonly record struct RequestId(long Value);

/// <summary>An accepted request: immutable, validated, tokenised.</summary>
public sealed record Request
{
    /// <summary>Its number; later requests have higher ones.</summary>
    public required RequestId Id { get; init; }

    /// <summary>Whose it is.</summary>
    public required Tenant Tenant { get; init; }

    /// <summary>The adapter, or null for the base model.</summary>
    public AdapterRef? Adapter { get; init; }

    /// <summary>The prompt, at least one token more than its <see cref="Imports"/> hold: their tokens in order, then what is computed for this request.</summary>
    public required IReadOnlyList<int> Prompt { get; init; }

    /// <summary>Modules that the prompt begins with, in the order of the schema; their tokens are the first ones of <see cref="Prompt"/>.</summary>
    public IReadOnlyList<ModuleRef> Imports { get; init; } = [];

    /// <summary>The position of every prompt token where a schema leaves gaps, else null: the ordinal. The first generated token follows the highest.</summary>
    public IReadOnlyList<int>? Positions { get; init; }

    /// <summary>How tokens are chosen.</summary>
    public required SamplingParameters Sampling { get; init; }

    /// <summary>Number of choices (n): sequences that share the prompt's pages.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>Report the logprob of every prompt token (echo with logprobs): all prompt rows are computed, none taken from the prefix cache.</summary>
    public bool ScorePrompt { get; init; }

    /// <summary>Report the hidden state of the last prompt token (an embedding). Such a request has one choice and generates nothing.</summary>
    public bool EmbedPrompt { get; init; }

    /// <summary>Among one tenant's requests lower goes first; equal ones by arrival.</summary>
    public int Priority { get; init; }

    /// <summary>Time by which it must have finished, in the scheduler's unit; <see cref="long.MaxValue"/> is none.</summary>
    public long Deadline { get; init; } = long.MaxValue;

    /// <summary>State that the engine keeps with a request; the core never looks at it.</summary>
    public object? Owner { get; set; }

    /// <summary>The position of the first generated token: behind the highest of the prompt.</summary>
    public int FirstOutputPosition => Positions is { } positions ? positions.Max() + 1 : Prompt.Count;

    /// <summary>Tokens that the request may come to hold: prompt + n × max_tokens.</summary>
    public long ReservedTokens => Prompt.Count + ((long)Choices * Sampling.MaxTokens);
}
