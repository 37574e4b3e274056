using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Tenancy;
using Serving.Engine.PromptModules.Prompts;
using Serving.Engine.PromptModules.Registry;
using Serving.Engine.Requests;

namespace Serving.Engine.Execution;

/// <summary>
/// Keeps pinned schemas' modules in the pool. Two schemas may share a module (a new version usually shares most with the old one): it is let go when the last of them is.
/// What a scaffold encodes a second time is not pinned.
/// </summary>
/// <param name="modules">Knows a schema's modules under an adapter.</param>
/// <param name="adapters">Opens the adapters that a schema is pinned under.</param>
/// <param name="post">Tells the engine thread; false when it takes no more.</param>
public sealed class SchemaPins(ModulePromptEncoder modules, AdapterDirectory adapters, Func<EngineCommand, bool> post)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(Digest Module, Digest Adapter), int> _uses = [];
    private readonly Dictionary<StoredSchema, List<PinnedRuns>> _pinned = new(ReferenceEqualityComparer.Instance);

    /// <summary>Pins a schema's modules under all of its models, or none of them.</summary>
    /// <returns>The first failure, or null.</returns>
    public async ValueTask<RequestFailure?> AddAsync(StoredSchema schema, Tenant tenant, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(schema);
        ArgumentNullException.ThrowIfNull(tenant);
        var isPinned = false;
        try
        {
            foreach (var model in schema.Pin)
            {
                var (adapter, failure) = await adapters.OpenAsync(tenant, model, cancellationToken);
                if ((failure ?? await AddAsync(schema, tenant, adapter)) is { } refused)
                {
                    return refused with { Parameter = "pin" };
                }
            }

            isPinned = true;
            return null;
        }
        finally
        {
            // Whoever put it may have gone, and nobody else would let go of what is pinned so far.
            if (!isPinned)
            {
                Remove(schema);
            }
        }
    }

    /// <summary>Lets a schema's modules go, but for those that another one pins too.</summary>
    public void Remove(StoredSchema schema)
    {
        lock (_lock)
        {
            if (!_pinned.Remove(schema, out var all))
            {
                return;
            }

            foreach (var pinned in all)
            {
                ModuleRef[] last = [.. pinned.Modules.Where(module => Release((module.Key, DigestOf(pinned.Adapter))))];
                post(new UnpinModulesCommand(last, pinned.Adapter));
            }
        }
    }

    private static Digest DigestOf(AdapterRef? adapter) => adapter?.Digest ?? Digest.None;

    private async ValueTask<RequestFailure?> AddAsync(StoredSchema schema, Tenant tenant, AdapterRef? adapter)
    {
        var table = modules.TableOf(schema, tenant, DigestOf(adapter));
        var refs = table.Runs(scaffold: -1);
        var answer = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (!_pinned.TryGetValue(schema, out var all))
            {
                _pinned[schema] = all = [];
            }

            if (!post(new PinModulesCommand(refs, tenant, adapter, answer)))
            {
                return Failures.Of(RequestError.QueueFull);
            }

            all.Add(new PinnedRuns(refs, adapter));
            foreach (var module in refs)
            {
                var key = (module.Key, DigestOf(adapter));
                _uses[key] = _uses.GetValueOrDefault(key) + 1;
            }
        }

        return await answer.Task == refs.Count ? null
            : new RequestFailure(RequestError.InvalidRequest, "The schema's modules do not fit the share of the pool that is kept for pinned ones.", "pin");
    }

    private bool Release((Digest, Digest) key)
    {
        if (--_uses[key] > 0)
        {
            return false;
        }

        _uses.Remove(key);
        return true;
    }

    private readonly record struct PinnedRuns(IReadOnlyList<ModuleRef> Modules, AdapterRef? Adapter);
}
