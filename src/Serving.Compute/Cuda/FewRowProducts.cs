namespace Serving.Compute.Cuda;

/// <summary>What multiplies with the base weights in steps of few rows, outside deterministic mode.</summary>
public enum FewRowProducts
{
    /// <summary>What is measured; cuBLASLt where another library stands in for the driver, whose times say nothing.</summary>
    Auto,

    /// <summary>For every shape of weight what is the faster on this device, measured at start.</summary>
    Measured,

    /// <summary>cuBLASLt.</summary>
    Library,

    /// <summary>The kernel of our own, where the device can run it.</summary>
    Own,
}
