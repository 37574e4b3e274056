using System.Buffers.Binary;
using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Simulation.Randomness;

namespace Serving.Simulation.Swarm;

/// <summary>The adapters that exist, by rank of popularity: a name keeps its place, its content can be replaced.</summary>
internal sealed class AdapterCatalog
{
    private readonly AdapterRef[] _current;
    private readonly int[] _versions;

    /// <summary>Adapters of drawn sizes.</summary>
    public AdapterCatalog(SwarmSettings settings)
    {
        var random = new Prng(settings.Seed, Streams.Adapters + 100);
        _current = new AdapterRef[settings.Adapters];
        _versions = new int[settings.Adapters];
        for (var name = 0; name < _current.Length; name++)
        {
            var pages = random.Between(1, settings.AdapterPages);
            _current[name] = new AdapterRef(DigestOf(name, 0), pages, pages * 4096L);
        }
    }

    /// <summary>Number of names.</summary>
    public int Count => _current.Length;

    /// <summary>The content that a name has now.</summary>
    public AdapterRef this[int name] => _current[name];

    /// <summary>Gives a name other content; returns the digest it had.</summary>
    public Digest Replace(int name)
    {
        var old = _current[name];
        _versions[name]++;
        _current[name] = old with { Digest = DigestOf(name, _versions[name]) };
        return old.Digest;
    }

    private static Digest DigestOf(int name, int version)
    {
        Span<byte> content = stackalloc byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(content, name);
        BinaryPrimitives.WriteInt32LittleEndian(content[4..], version);
        return Digest.Of(content);
    }
}
