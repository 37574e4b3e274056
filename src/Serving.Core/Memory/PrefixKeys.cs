using System.Buffers.Binary;

namespace Serving.Core.Memory;

/// <summary>
/// Keys of pages by content: key = SHA-256(parent's key ‖ 16 token ids ‖ 16 positions), integers little endian; the first page's parent is the root,
/// SHA-256(model revision ‖ adapter digest ‖ tenant salt). Equal keys mean equal keys and values: the same model, adapter, tenant and every token up to here.
/// </summary>
internal static class PrefixKeys
{
    private const int Slots = PagePool.SlotsPerPage;

    /// <summary>The parent of the first page.</summary>
    public static Digest Root(Digest modelRevision, Digest adapter, Digest salt)
    {
        Span<byte> content = stackalloc byte[3 * Digest.SizeBytes];
        modelRevision.CopyTo(content);
        adapter.CopyTo(content[Digest.SizeBytes..]);
        salt.CopyTo(content[(2 * Digest.SizeBytes)..]);
        return Digest.Of(content);
    }

    /// <summary>The key of a full page.</summary>
    /// <param name="parent">Key of the page before, or the root.</param>
    /// <param name="tokens">Its 16 tokens.</param>
    /// <param name="firstPosition">Position of the first; the others follow it.</param>
    public static Digest Next(Digest parent, ReadOnlySpan<int> tokens, int firstPosition)
    {
        Span<byte> content = stackalloc byte[Digest.SizeBytes + (2 * Slots * sizeof(int))];
        parent.CopyTo(content);
        for (var i = 0; i < Slots; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(content[(Digest.SizeBytes + (i * sizeof(int)))..], tokens[i]);
            BinaryPrimitives.WriteInt32LittleEndian(content[(Digest.SizeBytes + ((Slots + i) * sizeof(int)))..], firstPosition + i);
        }

        return Digest.Of(content);
    }
}
