using Serving.Core.Tenancy;
using Serving.Engine.Requests;
using Serving.Engine.Telemetry;

namespace Serving.Engine;

/// <summary>What a submission comes to: a stream or a failure, never both.</summary>
public readonly record struct SubmitResult(GenerationStream? Stream, RequestFailure? Failure);

/// <summary>What tokenising comes to.</summary>
public readonly record struct TokenizeResult(IReadOnlyList<int> Tokens, IReadOnlyList<string> TokenTexts, RequestFailure? Failure);

/// <summary>What detokenising comes to.</summary>
public readonly record struct DetokenizeResult(string Text, RequestFailure? Failure);

/// <summary>
/// The engine's only door in. Thread-safe. Implemented by <c>EngineClient</c> and by the server tests' fake.
/// </summary>
public interface IEngineClient
{
    /// <summary>What is served; valid once <see cref="State"/> has left Starting.</summary>
    EngineDescription Description { get; }

    /// <summary>Where the engine is in its life.</summary>
    EngineState State { get; }

    /// <summary>False when steps are due and none has finished for too long: the process must be replaced.</summary>
    bool IsAlive { get; }

    /// <summary>The engine at one recent moment.</summary>
    EngineSnapshot Snapshot { get; }

    /// <summary>Distributions and outcomes since start.</summary>
    EngineStatistics Statistics { get; }

    /// <summary>What the caches in host memory hold now.</summary>
    HostCaches Caches { get; }

    /// <summary>The schemas that prompts can import modules from.</summary>
    IPromptSchemas Schemas { get; }

    /// <summary>How a tenant's rates stand now.</summary>
    TenantRates RatesOf(Tenant tenant);

    /// <summary>Validates, admits, renders, tokenises and queues a request. Cancelling the token cancels the request also after it was accepted.</summary>
    ValueTask<SubmitResult> SubmitAsync(GenerationRequest request, CancellationToken cancellationToken);

    /// <summary>Encodes a prompt as a request would.</summary>
    /// <param name="tenant">Who asks.</param>
    /// <param name="model">Model name, or null for the base.</param>
    /// <param name="prompt">What to encode.</param>
    /// <param name="addSpecialTokens">For plain text: add the tokenizer's special tokens.</param>
    /// <param name="cancellationToken">Gives up waiting for a turn.</param>
    ValueTask<TokenizeResult> TokenizeAsync(Tenant tenant, string? model, GenerationPrompt prompt, bool addSpecialTokens, CancellationToken cancellationToken);

    /// <summary>Decodes token ids, special tokens included.</summary>
    ValueTask<DetokenizeResult> DetokenizeAsync(Tenant tenant, string? model, IReadOnlyList<int> tokens, CancellationToken cancellationToken);

    /// <summary>The models that a tenant may name: the base first, then adapters by name, a tenant's own hiding a shared one.</summary>
    /// <remarks>As the disk was within the last second, or, where it does not answer, when it last did.</remarks>
    ValueTask<ListedModels> ListModelsAsync(Tenant tenant, CancellationToken cancellationToken);

    /// <summary>One of them. The base is found without a look at the disk.</summary>
    ValueTask<FoundModel> FindModelAsync(Tenant tenant, string name, CancellationToken cancellationToken);

    /// <summary>Registers an adapter and checks that it loads. A tenant's own folder, or, for an admin, the shared one too.</summary>
    /// <param name="tenant">Who asks.</param>
    /// <param name="isAdmin">Whether shared adapters may be changed.</param>
    /// <param name="name">The adapter's name.</param>
    /// <param name="path">A name or path inside the adapters' root, or null for the name's own folder.</param>
    /// <param name="loadInPlace">Replace one of that name.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null when it is ready to use.</returns>
    ValueTask<RequestFailure?> LoadAdapterAsync(Tenant tenant, bool isAdmin, string name, string? path, bool loadInPlace, CancellationToken cancellationToken);

    /// <summary>Hides an adapter until it is loaded again; requests that run finish.</summary>
    ValueTask<RequestFailure?> UnloadAdapterAsync(Tenant tenant, bool isAdmin, string name, CancellationToken cancellationToken);

    /// <summary>Refuses new requests and returns when the running ones have finished, or when the token is cancelled.</summary>
    Task DrainAsync(CancellationToken cancellationToken);
}
