namespace Serving.Engine.Loading;

/// <summary>Buffers in which one chunk of a checkpoint after the other is read and converted.</summary>
internal sealed class LoadScratch
{
    private byte[] _bytes = [];
    private float[] _singles = [];
    private ushort[] _values = [];
    private sbyte[] _integers = [];

    /// <summary>Room for a file's own bytes.</summary>
    public Memory<byte> Bytes(int count) => Reserve(ref _bytes, count);

    /// <summary>Room for elements in fp32.</summary>
    public Memory<float> Singles(int count) => Reserve(ref _singles, count);

    /// <summary>Room for elements in bf16.</summary>
    public Memory<ushort> Values(int count) => Reserve(ref _values, count);

    /// <summary>Room for elements as integers.</summary>
    public Memory<sbyte> Integers(int count) => Reserve(ref _integers, count);

    private static Memory<T> Reserve<T>(ref T[] buffer, int count)
    {
        if (buffer.Length < count)
        {
            buffer = GC.AllocateUninitializedArray<T>(count);
        }

        return buffer.AsMemory(0, count);
    }
}
