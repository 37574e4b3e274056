using System.Buffers.Binary;
using Serving.Core.Memory;

namespace Serving.Simulation.Model;

/// <summary>64 bits of a digest, as the fake pages store it; 0 stands for none.</summary>
internal static class Fingerprint
{
    /// <summary>The first eight bytes.</summary>
    public static ulong Of(Digest digest)
    {
        Span<byte> bytes = stackalloc byte[Digest.SizeBytes];
        digest.CopyTo(bytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }
}
