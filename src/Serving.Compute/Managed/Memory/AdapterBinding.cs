using Serving.Compute.Adapters;

namespace Serving.Compute.Managed.Memory;

/// <summary>
/// Where a slot's cells of one slice lie. Both matrices keep a rank's 64 columns side by side, as two runs of 32 columns in 16 pairs
/// (see <see cref="PackedWeight.PositionOf"/>): [8 ranks][2][16 pairs].
/// </summary>
/// <param name="RankBlocks">Blocks of 8 ranks.</param>
/// <param name="Scale">Factor of x·Aᵀ.</param>
/// <param name="ShrinkTiles">64-column tiles of A's rows.</param>
/// <param name="ExpandTiles">64-column tiles of B's columns.</param>
/// <param name="ShrinkCells">Addresses of A's cells, [rank block][tile].</param>
/// <param name="ExpandCells">Addresses of B's cells, [rank block][tile].</param>
/// <param name="FactorCells">Addresses of the cells of DoRA's factors; none of a plain LoRA.</param>
internal sealed record SliceBinding(int RankBlocks, float Scale, int ShrinkTiles, int ExpandTiles, nint[] ShrinkCells, nint[] ExpandCells, nint[] FactorCells)
{
    /// <summary>Ranks, padded to whole blocks.</summary>
    public int PaddedRank => RankBlocks * AdapterLayout.CellRanks;
}
