namespace Serving.Compute.Cuda.Steps;

/// <summary>Where the lists of attention with one window lie in the step's block: layers that see differently far have plans of their own.</summary>
/// <param name="Window">Ordinals that a row sees; 0 for all.</param>
/// <param name="RowList">Rows of the items.</param>
/// <param name="RowPartials">First attention state per row, or −1.</param>
/// <param name="Items">Units of attention.</param>
/// <param name="Ranges">One <see cref="AttentionRanges"/>.</param>
internal sealed record AttentionLists(int Window, BlockSection RowList, BlockSection RowPartials, BlockSection Items, BlockSection Ranges);
