using System.Buffers.Binary;
using System.Security.Cryptography;
using Serving.Core.Memory;

namespace Serving.Core.Modules;

/// <summary>
/// Keys of modules by content: SHA-256(root ‖ number of context keys ‖ context keys ‖ number of tokens ‖ token ids ‖ positions), integers little endian;
/// the root is that of prefix pages: model revision, adapter digest, tenant salt (none for a schema that an admin made public).
/// </summary>
public static class ModuleKeys
{
    /// <summary>The root of a tenant's modules under an adapter.</summary>
    /// <param name="modelRevision">Identity of weights and of the keys' and values' element type.</param>
    /// <param name="adapter">The adapter's digest, or <see cref="Digest.None"/> for the base model.</param>
    /// <param name="salt">The tenant's salt, or <see cref="Digest.None"/> for a public schema.</param>
    public static Digest Root(Digest modelRevision, Digest adapter, Digest salt) => PrefixKeys.Root(modelRevision, adapter, salt);

    /// <summary>The key of a module.</summary>
    /// <param name="root">See <see cref="Root"/>.</param>
    /// <param name="context">The runs it attends to, in order.</param>
    /// <param name="tokens">Its tokens.</param>
    /// <param name="positions">Their positions, as many.</param>
    public static Digest Of(Digest root, IReadOnlyList<ModuleRef> context, IReadOnlyList<int> tokens, IReadOnlyList<int> positions)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(positions);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, root);
        Append(hash, context.Count);
        foreach (var before in context)
        {
            Append(hash, before.Key);
        }

        Append(hash, tokens.Count);
        foreach (var token in tokens)
        {
            Append(hash, token);
        }

        foreach (var position in positions)
        {
            Append(hash, position);
        }

        Span<byte> key = stackalloc byte[Digest.SizeBytes];
        hash.GetHashAndReset(key);
        return new Digest(key);
    }

    private static void Append(IncrementalHash hash, Digest digest)
    {
        Span<byte> bytes = stackalloc byte[Digest.SizeBytes];
        digest.CopyTo(bytes);
        hash.AppendData(bytes);
    }

    private static void Append(IncrementalHash hash, int number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
