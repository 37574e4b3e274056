using Serving.Engine;
using Serving.Engine.Telemetry;
using Serving.Protocol.OpenAi;
using Serving.Server.Hosting;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>GET /v1/status</c>: the engine now, as far as it is the caller's business.</summary>
internal sealed class StatusEndpoint(EngineAccess access, ListenAddresses addresses, TimeProvider time)
{
    /// <summary>How long the adapters' disk is waited for: the rest is worth knowing above all where it does not answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (access.Client is not { } engine)
        {
            await context.WriteFailureAsync(EngineAccess.Loading);
            return;
        }

        var models = await ModelsAsync(engine, context);
        var (about, now) = (engine.Description, engine.Snapshot);
        var status = new ServerStatus
        {
            Version = ProductVersion.Number,
            State = access.State.ToString().ToLowerInvariant(),
            Model = about.ModelName,
            Parameters = about.ParameterCount,
            Weights = about.Weights,
            KvCacheDtype = about.KeyValues,
            MaxModelLen = about.MaxModelLength,
            Device = about.Device,
            InstructionSet = about.InstructionSet,
            Threads = about.Threads,
            GrpcPort = addresses.Grpc?.Port,
            Running = now.Running,
            Waiting = now.Waiting,
            Pool = new PoolStatus(now.TotalPages, now.FreePages, now.SequencePages, now.CachedPages, now.AdapterPages, now.ModulePages, about.PageBytes, now.StatePages),
            PromptTokens = now.PromptTokens,
            GenerationTokens = now.GenerationTokens,
            Steps = now.Steps,
            Adapters = [.. models.Where(entry => entry.Parent is not null).Select(entry => ToInfo(entry, now))],
        };
        await context.WriteJsonAsync(status, OpenAiJson.Wire.ServerStatus);
    }

    private async Task<IReadOnlyList<ModelEntry>> ModelsAsync(IEngineClient engine, HttpContext context)
    {
        using var late = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, context.RequestAborted);
        try
        {
            return (await engine.ListModelsAsync(ApiCaller.Of(context).Tenant, either.Token)).Models;
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            return [];
        }
    }

    private static AdapterInfo ToInfo(ModelEntry entry, EngineSnapshot now)
    {
        var name = entry.OwnerTenant is null ? entry.Name : $"{entry.OwnerTenant}/{entry.Name}";
        var resident = now.Adapters.FirstOrDefault(adapter => adapter.Name == name);
        return new AdapterInfo(entry.Name, entry.OwnerTenant is null, resident?.State ?? "idle", resident?.Pages ?? 0, resident?.Running ?? 0, resident?.Rank ?? 0);
    }
}
