using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Serving.Compute.Programs;
using Serving.Core.Memory;

namespace Serving.Engine.Loading;

/// <summary>
/// The identity of a loaded model, at the root of every cached prefix. Reading all weights twice for it would double the time of loading, so it
/// is SHA-256 over the format of the matrices, <c>config.json</c> and, per weights file in order of names, its name, size, time of change and header: any save of other weights
/// changes one of them. It may differ between copies of one model, which costs a cache miss and never a wrong hit.
/// </summary>
public static class CheckpointRevision
{
    /// <summary>The revision of an open checkpoint whose matrices are kept in a format.</summary>
    public static Digest Of(ModelFolder folder, Checkpoint checkpoint, WeightFormat format)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(checkpoint);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, (long)format);
        Append(hash, folder.ConfigText.Span);
        foreach (var (name, shard) in checkpoint.Shards)
        {
            Append(hash, Encoding.UTF8.GetBytes(name));
            Append(hash, shard.FileBytes);
            Append(hash, shard.ChangedUtc.Ticks);
            Append(hash, shard.HeaderText.Span);
        }

        return new Digest(hash.GetHashAndReset());
    }

    /// <summary>The revision of a model whose keys and values are kept in a format: what is cached in one is not what is cached in another.</summary>
    public static Digest With(Digest revision, KeyValueFormat keyValues)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> content = stackalloc byte[Digest.SizeBytes];
        revision.CopyTo(content);
        hash.AppendData(content);
        Append(hash, (long)keyValues);
        return new Digest(hash.GetHashAndReset());
    }

    /// <summary>Every part is preceded by its length, so that no two lists of parts read alike.</summary>
    private static void Append(IncrementalHash hash, ReadOnlySpan<byte> part)
    {
        Append(hash, part.Length);
        hash.AppendData(part);
    }

    private static void Append(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
