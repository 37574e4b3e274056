namespace Serving.Compute.Managed.Steps;

/// <summary>Neighbouring rows of a step that share an adapter.</summary>
/// <param name="First">First row.</param>
/// <param name="Count">Number of rows.</param>
/// <param name="Slot">Their adapter's slot.</param>
internal readonly record struct RowRange(int First, int Count, int Slot);
