namespace Serving.Compute.Tests.Cuda;

/// <summary>Tests on the emulated driver run one after another: its findings and failures belong to a device, not to a test.</summary>
[CollectionDefinition(Name)]
public sealed class EmulatorCollection
{
    /// <summary>The collection's name.</summary>
    public const string Name = "CUDA emulator";
}
