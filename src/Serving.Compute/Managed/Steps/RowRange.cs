namespace Serving.Compute.Managed.Steps;

/// <summary>Neighbouring rows of a step that share an adapter.</summary>
/// <param name="First">First row.</param>
/// <param name="Count">Number of rows.</param>
/// <param name="Slot">Their adapter's slot.</param>
/// <param name="Expert">The expert that they go through; 0 where there are none.</param>
internal readonly record struct RowRange(int First, int Count, int Slot, int Expert = 0);
