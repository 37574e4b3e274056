namespace Serving.Engine.Tests.Running;

/// <summary>Whatever uses the emulated GPUs runs one after another: failures are planted in a device, not in a test, and a finding fails the device for all.</summary>
[CollectionDefinition(Name)]
public sealed class EmulatedGpus
{
    /// <summary>The collection's name.</summary>
    public const string Name = "emulated GPUs";
}
