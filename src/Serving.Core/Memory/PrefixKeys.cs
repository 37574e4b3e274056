using System.Buffers.Binary;

namespace Serving.Core.Memory;

/// <summary>
/// Keys of pages by content: key = SHA-256(parent's key ‖ 16 token ids ‖ 16 positions), integers little endian; the first page's parent is the root,
/// SHA-256(model revision ‖ adapter digest ‖ tenant salt), and behind imported modules SHA-256(that ‖ their keys). Equal keys mean equal keys and values: the same model, adapter,
/// tenant, modules and every token up to here.
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

    /// <summary>The parent of the first page behind imported modules; the plain root where there are none.</summary>
    /// <param name="root">See above.</param>
    /// <param name="imports">The modules' keys, in order.</param>
    public static Digest RootBehind(Digest root, ReadOnlySpan<Digest> imports)
    {
        if (imports.IsEmpty)
        {
            return root;
        }

        var content = new byte[(1 + imports.Length) * Digest.SizeBytes];
        root.CopyTo(content);
        for (var i = 0; i < imports.Length; i++)
        {
            imports[i].CopyTo(content.AsSpan((1 + i) * Digest.SizeBytes));
        }

        return Digest.Of(content);
    }

    /// <summary>The key of a full page.</summary>
    /// <param name="parent">Key of the page before, or the root.</param>
    /// <param name="tokens">Its 16 tokens.</param>
    /// <param name="positions">Their positions.</param>
    public static Digest Next(Digest parent, ReadOnlySpan<int> tokens, ReadOnlySpan<int> positions)
    {
        Span<byte> content = stackalloc byte[Digest.SizeBytes + (2 * Slots * sizeof(int))];
        parent.CopyTo(content);
        for (var i = 0; i < Slots; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(content[(Digest.SizeBytes + (i * sizeof(int)))..], tokens[i]);
            BinaryPrimitives.WriteInt32LittleEndian(content[(Digest.SizeBytes + ((Slots + i) * sizeof(int)))..], positions[i]);
        }

        return Digest.Of(content);
    }
}
