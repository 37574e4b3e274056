using Serving.Engine;
using Serving.Engine.Telemetry;
using Serving.Protocol.OpenAi;
using Serving.Server.Hosting;
using Serving.Server.Tenancy;

namespace Serving.Server.Http;

/// <summary><c>GET /v1/status</c>: the engine now, as far as it is the caller's business.</summary>
internal sealed class StatusEndpoint(EngineAccess access, ListenAddresses addresses)
{
    /// <summary>Answers one request.</summary>
    public Task HandleAsync(HttpContext context)
    {
        if (access.Client is not { } engine)
        {
            return context.WriteFailureAsync(EngineAccess.Loading);
        }

        var (about, now) = (engine.Description, engine.Snapshot);
        var status = new ServerStatus
        {
            Version = ProductVersion.Number,
            State = access.State.ToString().ToLowerInvariant(),
            Model = about.ModelName,
            Parameters = about.ParameterCount,
            Weights = about.Weights,
            MaxModelLen = about.MaxModelLength,
            Device = about.Device,
            InstructionSet = about.InstructionSet,
            Threads = about.Threads,
            GrpcPort = addresses.Grpc?.Port,
            Running = now.Running,
            Waiting = now.Waiting,
            Pool = new PoolStatus(now.TotalPages, now.FreePages, now.SequencePages, now.CachedPages, now.AdapterPages, now.ModulePages, about.PageBytes),
            PromptTokens = now.PromptTokens,
            GenerationTokens = now.GenerationTokens,
            Steps = now.Steps,
            Adapters = [.. engine.ListModels(ApiCaller.Of(context).Tenant).Where(entry => entry.Parent is not null).Select(entry => ToInfo(entry, now))],
        };
        return context.WriteJsonAsync(status, OpenAiJson.Wire.ServerStatus);
    }

    private static AdapterInfo ToInfo(ModelEntry entry, EngineSnapshot now)
    {
        var name = entry.OwnerTenant is null ? entry.Name : $"{entry.OwnerTenant}/{entry.Name}";
        var resident = now.Adapters.FirstOrDefault(adapter => adapter.Name == name);
        return new AdapterInfo(entry.Name, entry.OwnerTenant is null, resident?.State ?? "idle", resident?.Pages ?? 0, resident?.Running ?? 0, resident?.Rank ?? 0);
    }
}
