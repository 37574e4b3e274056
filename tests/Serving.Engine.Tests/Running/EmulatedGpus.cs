namespace Serving.Engine.Tests.Running;

/// <summary>Engines on the emulated GPUs run one after another: failures are planted in a device, not in a test.</summary>
[CollectionDefinition(Name)]
public sealed class EmulatedGpus
{
    /// <summary>The collection's name.</summary>
    public const string Name = "emulated GPUs";
}
