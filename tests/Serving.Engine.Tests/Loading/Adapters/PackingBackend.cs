using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Steps;

namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>A device that packs adapters and does nothing else.</summary>
internal sealed class PackingBackend : IComputeBackend
{
    public Func<Exception>? OnPack { get; set; }

    public int Packed { get; private set; }

    public string Name => "packing";

    public string InstructionSet => "none";

    public int ThreadCount => 1;

    public long PageBytes => 4096;

    public void PackAdapter(int slot, IPreparedAdapter adapter, ReadOnlySpan<int> pages)
    {
        if (OnPack is { } failure)
        {
            throw failure();
        }

        Packed++;
    }

    public void Dispose()
    {
    }

    public long PackedBytes(int weight) => throw new NotSupportedException();

    public void LoadWeight(int weight, int firstRow, ReadOnlySpan<ushort> values) => throw new NotSupportedException();

    public void AllocatePool(PoolShape pool, StepLimits limits) => throw new NotSupportedException();

    public long PreparedBytesOf(AdapterWeights adapter) => throw new NotSupportedException();

    public IPreparedAdapter PrepareAdapter(AdapterWeights adapter, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public void CopyToHost(ReadOnlySpan<int> pages, ReadOnlySpan<int> hostPages) => throw new NotSupportedException();

    public void CopyFromHost(ReadOnlySpan<int> hostPages, ReadOnlySpan<int> pages) => throw new NotSupportedException();

    public void Execute(StepInputs inputs, StepOutputs outputs) => throw new NotSupportedException();
}
