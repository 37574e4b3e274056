using System.Security.Cryptography;
using System.Text;

namespace Serving.Server.Tenancy;

/// <summary>All callers and their keys' SHA-256 digests at one moment. Immutable; swapped as a whole when the file changes.</summary>
internal sealed class TenantDirectory
{
    /// <summary>Longest key looked at, characters.</summary>
    public const int MaxKeyLength = 512;

    private readonly byte[] _digests;
    private readonly ApiCaller[] _owners;

    /// <summary>Takes each key's digest (32 bytes) with the caller that it stands for.</summary>
    /// <param name="keys">Digests and owners.</param>
    /// <param name="tenantCount">How many tenants there are, with or without keys.</param>
    /// <param name="anonymous">The caller of every request when there are no keys at all; null demands a key.</param>
    public TenantDirectory(IReadOnlyList<(byte[] Digest, ApiCaller Owner)> keys, int tenantCount, ApiCaller? anonymous)
    {
        _digests = [.. keys.SelectMany(key => key.Digest)];
        _owners = [.. keys.Select(key => key.Owner)];
        TenantCount = tenantCount;
        Anonymous = anonymous;
    }

    /// <summary>How many tenants there are.</summary>
    public int TenantCount { get; }

    /// <summary>The caller of requests without a key, if they are allowed.</summary>
    public ApiCaller? Anonymous { get; }

    /// <summary>
    /// Finds whose key it is. Every stored digest is compared, each in constant time, so that the time tells nothing about any of them.
    /// </summary>
    public ApiCaller? Find(string key)
    {
        if (key.Length is 0 or > MaxKeyLength)
        {
            return null;
        }

        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(key), digest);
        var found = -1;
        for (var i = 0; i < _owners.Length; i++)
        {
            if (CryptographicOperations.FixedTimeEquals(_digests.AsSpan(i * SHA256.HashSizeInBytes, SHA256.HashSizeInBytes), digest))
            {
                found = i;
            }
        }

        return found < 0 ? null : _owners[found];
    }
}
