namespace Serving.Compute.Cuda.Steps;

/// <summary>How much there is to launch: kernels read the true counts from the block, grids and products are sized by these.</summary>
/// <param name="Rows">Token rows.</param>
/// <param name="Outputs">Outputs.</param>
/// <param name="Sequences">Sequences.</param>
/// <param name="AttentionItems">Units of attention.</param>
/// <param name="Copies">Page copies.</param>
/// <param name="HasPartials">Some row's attention is given out split by split.</param>
/// <param name="HasAdapters">Some row has an adapter.</param>
internal readonly record struct StepSize(int Rows, int Outputs, int Sequences, int AttentionItems, int Copies, bool HasPartials, bool HasAdapters);
