namespace Serving.Protocol.OpenAi;

/// <summary>Answer of <c>GET /v1/status</c>, ours: what the page at <c>/</c> shows. Tenants see their own adapters and the shared ones.</summary>
public sealed record ServerStatus
{
    /// <summary>The daemon's version.</summary>
    public required string Version { get; init; }

    /// <summary>"starting", "ready", "draining", "failed" or "stopped".</summary>
    public required string State { get; init; }

    /// <summary>The base model's name.</summary>
    public required string Model { get; init; }

    /// <summary>Parameters of the base model.</summary>
    public required long Parameters { get; init; }

    /// <summary>How the base model's matrices are kept: bf16, int8 or int4; mxfp4 and int8, mxfp4 and int4, int4 and int8 where some stay as the checkpoint has them.</summary>
    public required string Weights { get; init; }

    /// <summary>How keys and values are kept.</summary>
    public required string KvCacheDtype { get; init; }

    /// <summary>Longest context in tokens.</summary>
    public required int MaxModelLen { get; init; }

    /// <summary>What computes.</summary>
    public required string Device { get; init; }

    /// <summary>The instruction set in use.</summary>
    public required string InstructionSet { get; init; }

    /// <summary>Threads that compute.</summary>
    public required int Threads { get; init; }

    /// <summary>TCP port of gRPC; null when it is not served.</summary>
    public int? GrpcPort { get; init; }

    /// <summary>Requests running.</summary>
    public required int Running { get; init; }

    /// <summary>Requests waiting.</summary>
    public required int Waiting { get; init; }

    /// <summary>The page pool.</summary>
    public required PoolStatus Pool { get; init; }

    /// <summary>Prompt tokens so far.</summary>
    public required long PromptTokens { get; init; }

    /// <summary>Tokens generated so far.</summary>
    public required long GenerationTokens { get; init; }

    /// <summary>Steps so far.</summary>
    public required long Steps { get; init; }

    /// <summary>The adapters that the caller may use.</summary>
    public required IReadOnlyList<AdapterInfo> Adapters { get; init; }
}

/// <summary>The page pool by what its pages hold.</summary>
/// <param name="Total">All pages.</param>
/// <param name="Free">Nothing.</param>
/// <param name="Sequences">Attention states of running requests.</param>
/// <param name="Cached">Attention states kept for reuse.</param>
/// <param name="Adapters">Adapters.</param>
/// <param name="Modules">Prompt modules.</param>
/// <param name="PageBytes">Bytes of one page.</param>
/// <param name="States">Of those of sequences, what layers without attention remember.</param>
public sealed record PoolStatus(int Total, int Free, int Sequences, int Cached, int Adapters, int Modules, long PageBytes, int States = 0);

/// <summary>An adapter that the caller may use.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shared">Whether it belongs to all.</param>
/// <param name="State">"idle" when it is not in the pool, else "loading" or "resident".</param>
/// <param name="Pages">Pages it holds.</param>
/// <param name="Running">Sequences running with it.</param>
/// <param name="Rank">Its largest rank; 0 while it is not known.</param>
public sealed record AdapterInfo(string Name, bool Shared, string State, int Pages, int Running, int Rank);
