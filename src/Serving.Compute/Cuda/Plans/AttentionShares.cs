using System.Runtime.InteropServices;

namespace Serving.Compute.Cuda.Plans;

/// <summary>
/// How long the pieces may be that contexts of few rows are cut into for the decode kernel, so that all blocks of the device end at about the same time. A context
/// that is not cut needs no states and nobody to merge them; one that is longer than a block's share of the step has to be cut, or the others wait for it.
/// </summary>
/// <remarks>
/// Times are counted in tiles of 64 tokens of one kv head, at the bandwidth that a block has when all of them read: 2.0 µs on an H200 (32 KiB ÷ (4,279 GB/s ÷ 264 blocks)).
/// <list type="bullet">
/// <item>A unit, which is a piece and a kv head, takes its tiles and one more for its ramp, in which nothing arrives. From the measured 278 µs of 4,096 units of eight tiles whose
/// bytes take 253: 1.6 µs for each of the 15.5 that a block has.</item>
/// <item>Blocks that are left over when others have ended go on twice as fast, or as fast as the device can feed them. Reasoned: with two tiles of 32 KiB under way and a
/// microsecond until one arrives it could be four times, with the products and barriers of a tile about three.</item>
/// <item>Merging takes three tiles if anything is cut. Reasoned: a launch, and two loads that wait for each other.</item>
/// </list>
/// Which pieces there are changes no bit, so that a wrong constant costs time and nothing else. <c>Serving.Benchmarks cuda --rows "attention.*"</c> prints what contexts take
/// whole, split by split and as chosen here.
/// </remarks>
internal sealed class AttentionShares
{
    /// <summary>Contexts are not cut.</summary>
    public const int Whole = int.MaxValue;

    /// <summary>Tokens of a tile of the kernels.</summary>
    public const int TileTokens = 64;

    private const int SplitTiles = AttentionPlan.Split / TileTokens;
    private const int RampTiles = 1;
    private const int MergeTiles = 3;
    private const int LeftOverRate = 2;

    /// <summary>Pieces that a block may get of a step of long contexts: more would only even out what sorting by length has evened out already.</summary>
    private const int MostTurns = 8;

    private readonly int _blocks;
    private readonly int _kvHeads;
    private readonly int[] _loads;
    private readonly int[] _lengths;
    private readonly List<Stretch> _contexts = [];
    private long _tiles;
    private bool _merges;

    /// <summary>Shares of a device.</summary>
    /// <param name="blocks">Blocks of the decode kernel that are resident at once.</param>
    /// <param name="kvHeads">Units of an item.</param>
    /// <param name="maxContext">Tokens of the longest context.</param>
    public AttentionShares(int blocks, int kvHeads, int maxContext)
    {
        (_blocks, _kvHeads) = (blocks, kvHeads);
        _loads = new int[blocks];
        _lengths = new int[TilesOf(maxContext) + 1];
    }

    /// <summary>Tiles of so many tokens.</summary>
    public static int TilesOf(int tokens) => (tokens + TileTokens - 1) / TileTokens;

    /// <summary>Pieces of a context of so many splits when none may have more than <paramref name="most"/>.</summary>
    public static int PiecesOf(int splits, int most) => most >= splits ? 1 : (splits + most - 1) / most;

    /// <summary>The split that one of the pieces begins at; all are about equally long, the last, whose last split may not be full, not shorter than others by more than that.</summary>
    public static int FirstSplitOf(int piece, int pieces, int splits) => (int)((long)piece * splits / pieces);

    /// <summary>Begins a step.</summary>
    /// <param name="merges">States are merged anyway, so that cutting costs no merging of its own.</param>
    public void Begin(bool merges)
    {
        _merges = merges;
        _tiles = 0;
        _contexts.Clear();
    }

    /// <summary>Adds tokens from a split's beginning on that one item can walk.</summary>
    /// <param name="tokens">How many, one at least.</param>
    /// <param name="isCut">Whether they may be cut.</param>
    public void Add(int tokens, bool isCut)
    {
        var tiles = TilesOf(tokens);
        _tiles += tiles;
        _contexts.Add(new Stretch(tiles, isCut));
    }

    /// <summary>The most splits of a piece; <see cref="Whole"/> where nothing is to be cut.</summary>
    public int Choose()
    {
        var (best, least) = (Whole, Estimate(Whole, long.MaxValue));
        var (share, last) = (_tiles * _kvHeads / _blocks, long.MaxValue);
        for (var turns = 1; turns <= MostTurns && last > 1; turns++)
        {
            // On either side of what would give every block so many equal pieces.
            for (var splits = (share / turns / SplitTiles) + 1; splits >= Math.Max(1, share / turns / SplitTiles); splits--)
            {
                if (splits < last)
                {
                    last = splits;
                    var time = Estimate((int)splits, least);
                    (best, least) = time < least ? ((int)splits, time) : (best, least);
                }
            }
        }

        return best;
    }

    /// <summary>How long the blocks take, in parts of a tile; <paramref name="least"/>, without looking closer, where it cannot be less than that.</summary>
    private long Estimate(int most, long least)
    {
        var (pieces, isCut) = Cut(most);
        var merging = isCut || _merges ? (long)MergeTiles * _blocks * LeftOverRate : 0;
        if (!isCut && most != Whole)
        {
            return least;
        }

        var work = (_tiles + (pieces * RampTiles)) * _kvHeads * LeftOverRate;
        if (work + merging >= least)
        {
            return least;
        }

        Deal();
        return Time() + merging;
    }

    /// <summary>Counts pieces by their lengths.</summary>
    private (long Items, bool IsCut) Cut(int most)
    {
        _lengths.AsSpan().Clear();
        var (total, isCut) = (0L, false);
        foreach (var context in CollectionsMarshal.AsSpan(_contexts))
        {
            var splits = (context.Tiles + SplitTiles - 1) / SplitTiles;
            var pieces = context.IsCut ? PiecesOf(splits, most) : 1;
            for (var piece = 0; piece < pieces; piece++)
            {
                var end = Math.Min(context.Tiles, FirstSplitOf(piece + 1, pieces, splits) * SplitTiles);
                _lengths[end - (FirstSplitOf(piece, pieces, splits) * SplitTiles)]++;
            }

            total += pieces;
            isCut |= pieces > 1;
        }

        return (total, isCut);
    }

    /// <summary>Deals units to blocks as the kernel takes them: the longest first, every second turn from the last block to the first.</summary>
    private void Deal()
    {
        _loads.AsSpan().Clear();
        var dealt = 0L;
        for (var tiles = _lengths.Length - 1; tiles > 0; tiles--)
        {
            for (var left = (long)_lengths[tiles] * _kvHeads; left > 0;)
            {
                var at = (int)(dealt % _blocks);
                var count = (int)Math.Min(_blocks - at, left);
                foreach (ref var load in _loads.AsSpan(dealt / _blocks % 2 == 0 ? at : _blocks - at - count, count))
                {
                    load += tiles + RampTiles;
                }

                dealt += count;
                left -= count;
            }
        }
    }

    /// <summary>
    /// All blocks share the bandwidth while enough of them are busy; the loads of those that are left when fewer are go down twice as fast. In 1 ÷ (blocks × 2) of a tile.
    /// </summary>
    private long Time()
    {
        _loads.AsSpan().Sort();
        var shared = _loads[_blocks - (_blocks / LeftOverRate)];
        var read = 0L;
        foreach (var load in _loads)
        {
            read += Math.Min(load, shared);
        }

        return (read * LeftOverRate) + ((long)(_loads[^1] - shared) * _blocks);
    }

    /// <summary>Tokens that one item can walk, in tiles.</summary>
    private readonly record struct Stretch(int Tiles, bool IsCut);
}
