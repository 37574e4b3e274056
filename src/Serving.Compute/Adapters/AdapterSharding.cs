using Serving.Compute.Programs.Sharding;

namespace Serving.Compute.Adapters;

/// <summary>Cuts an adapter into what one rank of several keeps of it.</summary>
public static class AdapterSharding
{
    /// <summary>The rank's columns of every A, copied, and rows of every B, as they are.</summary>
    public static AdapterWeights Cut(AdapterWeights adapter, ProgramShard shard)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(shard);
        return new AdapterWeights([.. adapter.Slices.Select(slice => Cut(slice, shard.Slices[slice.Slice]))]);
    }

    private static AdapterSlice Cut(AdapterSlice slice, SliceShard shard)
    {
        var width = slice.A.Length / slice.Rank;
        var a = new ushort[slice.Rank * shard.Inputs.Count];
        for (var rank = 0; rank < slice.Rank; rank++)
        {
            slice.A.Span.Slice((rank * width) + shard.Inputs.First, shard.Inputs.Count).CopyTo(a.AsSpan(rank * shard.Inputs.Count));
        }

        return slice with { A = a, B = slice.B.Slice(shard.Outputs.First * slice.Rank, shard.Outputs.Count * slice.Rank) };
    }
}
