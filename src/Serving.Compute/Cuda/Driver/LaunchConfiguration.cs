using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Driver;

/// <summary>CUlaunchConfig.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LaunchConfiguration
{
    public uint GridX;
    public uint GridY;
    public uint GridZ;
    public uint BlockX;
    public uint BlockY;
    public uint BlockZ;
    public uint SharedBytes;
    public nint Stream;
    public LaunchAttribute* Attributes;
    public uint AttributeCount;
}

/// <summary>CUlaunchAttribute, of which only those with a number as their value are used.</summary>
[StructLayout(LayoutKind.Sequential, Size = 72)]
internal struct LaunchAttribute
{
    /// <summary>CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION: the launch need not wait until the kernel before it has ended.</summary>
    public const int ProgrammaticStreamSerialization = 6;

    public int Id;
    public int Padding;
    public int Value;
}
