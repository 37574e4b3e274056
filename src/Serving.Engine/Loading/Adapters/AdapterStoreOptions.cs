using Serving.Compute.Adapters;
using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Adapters;

/// <summary>What an <see cref="AdapterStore"/> is made with.</summary>
public sealed record AdapterStoreOptions
{
    /// <summary>The folder of adapters; null for none.</summary>
    public required string? Root { get; init; }

    /// <summary>The base's served name, which no adapter can have.</summary>
    public required string BaseName { get; init; }

    /// <summary>The program that adapters must fit.</summary>
    public required ModelProgram Program { get; init; }

    /// <summary>What the model's <c>config.json</c> calls it: how the matrices of its GGUF adapters are named and kept hangs on it.</summary>
    public required string Architecture { get; init; }

    /// <summary>Whether the device runs adapters of experts (<c>IComputeBackend.AdaptsExperts</c>).</summary>
    public bool AdaptsExperts { get; init; } = true;

    /// <summary>Whether the device runs DoRA (<c>IComputeBackend.AdaptsMagnitudes</c>).</summary>
    public bool AdaptsMagnitudes { get; init; } = true;

    /// <summary>Bytes of host memory that a prepared adapter takes (<c>IComputeBackend.PreparedBytesOf</c>).</summary>
    public required Func<AdapterWeights, long> PreparedBytes { get; init; }

    /// <summary>Prepares an adapter for the device (<c>IComputeBackend.PrepareAdapter</c>), on a thread of its own, until it is given up.</summary>
    public required Func<AdapterWeights, CancellationToken, IPreparedAdapter?> Prepare { get; init; }

    /// <summary>Bytes of prepared adapters kept in host memory.</summary>
    public long HostCacheBytes { get; init; } = 1L << 30;

    /// <summary>
    /// Bytes of the device's pool. An adapter's file is read whole beside its matrices: one of more than an array's bytes is read only where the pool could hold it.
    /// </summary>
    public long PoolBytes { get; init; } = long.MaxValue / sizeof(float);

    /// <summary>Adapters read from disk, checked and prepared at once, all but one of them of one tenant at most; each takes its file and its matrices in memory meanwhile.</summary>
    public int ConcurrentLoads { get; init; } = 3;

    /// <summary>
    /// How long a look at an adapter's files, with the reading and preparing that it leads to and the wait for others that are read, may take before those who wait for it are told that the
    /// files cannot be read now.
    /// </summary>
    public TimeSpan LoadTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Told what nobody foresaw: who asked for the adapter is told that it cannot be had, and nothing else happens.</summary>
    public Action<string, Exception> Fault { get; init; } = static (_, _) => { };

    /// <summary>The folders below the root.</summary>
    internal Func<string, IAdapterFolders> Folders { get; init; } = static root => new AdapterRoot(root);

    /// <summary>The files.</summary>
    internal IAdapterFiles Files { get; init; } = new AdapterFiles();

    /// <summary>Tells the time: wall-clock for the age of files, timestamps for everything else.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
