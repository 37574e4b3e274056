using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Serving.Engine.Tokenization.Bpe;

/// <summary>
/// The merge rules: (left id, right id) to rank, and rank to the id that the pair becomes. An open-addressing table at most half full;
/// its hash is seeded per process, so that no file can be made to collide.
/// </summary>
internal sealed class MergeTable
{
    /// <summary>The rank of a pair that does not merge.</summary>
    public const int None = int.MaxValue;

    private static readonly ulong Seed = BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(8)) | 1;

    private readonly ulong[] _keys;
    private readonly int[] _ranks;
    private readonly int[] _results;
    private readonly int _mask;

    /// <summary>Builds the table; rank is the position in the list, and of two equal pairs the later rule counts.</summary>
    public MergeTable(IReadOnlyList<(int Left, int Right, int Result)> rules)
    {
        var capacity = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, rules.Count * 2));
        _keys = new ulong[capacity];
        _ranks = new int[capacity];
        _results = new int[rules.Count];
        _mask = capacity - 1;
        Array.Fill(_keys, ulong.MaxValue);
        for (var rank = 0; rank < rules.Count; rank++)
        {
            var (left, right, result) = rules[rank];
            var slot = Slot(Key(left, right));
            _keys[slot] = Key(left, right);
            _ranks[slot] = rank;
            _results[rank] = result;
        }
    }

    /// <summary>The rank of a pair, or <see cref="None"/>.</summary>
    public int Rank(int left, int right)
    {
        var key = Key(left, right);
        var slot = Slot(key);
        return _keys[slot] == key ? _ranks[slot] : None;
    }

    /// <summary>The id that the pair of a rank becomes.</summary>
    public int Result(int rank) => _results[rank];

    /// <summary>Every id that a merge makes.</summary>
    public IEnumerable<int> Results => _results;

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int Slot(ulong key)
    {
        var hash = (key ^ Seed) * 0x9E3779B97F4A7C15;
        hash = (hash ^ (hash >> 29)) * (Seed ^ 0xBF58476D1CE4E5B8);
        var slot = (int)(hash >> 32) & _mask;
        while (_keys[slot] != key && _keys[slot] != ulong.MaxValue)
        {
            slot = (slot + 1) & _mask;
        }

        return slot;
    }
}
