namespace Serving.Testing;

/// <summary>Makes the emulated GPUs what they were at the start when a test ends that plants failures, however it ends: others come after it.</summary>
public sealed class EmulatorReset : IDisposable
{
    private const int AllDevices = -1;

    /// <inheritdoc/>
    public void Dispose() => CudaEmulator.Reset(AllDevices);
}
