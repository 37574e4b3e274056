using Serving.Compute.Managed.Sampling;

namespace Serving.Compute.Tests.Managed.Sampling;

public sealed unsafe class RankSelectionTests
{
    /// <summary>What sorting by value, then id, keeps.</summary>
    [Theory]
    [InlineData(1, 1000)]
    [InlineData(2, 4)]
    [InlineData(3, 40)]
    public void KeepCount_RandomValues_KeepsWhatSortingKeeps(int seed, int levels)
    {
        foreach (var count in new[] { 1, 2, 7, 100, 499, 500, 501 })
        {
            var values = Values(seed, levels);
            var kept = Order(values).Take(count).ToHashSet();
            Check(values, kept, copy => RankSelection.KeepCount(copy.Pointer, copy.Length, count, new double[RankSelection.BinCount]));
        }
    }

    [Theory]
    [InlineData(1, 1000)]
    [InlineData(2, 4)]
    [InlineData(3, 40)]
    public void KeepMass_RandomValues_KeepsWhatSortingKeeps(int seed, int levels)
    {
        foreach (var share in new[] { 1e-6, 0.0123, 0.5, 0.9, 0.98765 })
        {
            var values = Values(seed, levels);
            var target = share * values.Sum(value => (double)value);
            var sum = 0.0;
            var kept = new HashSet<int>();
            foreach (var id in Order(values).TakeWhile(_ => sum < target))
            {
                sum += values[id];
                kept.Add(id);
            }

            Check(values, kept, copy => RankSelection.KeepMass(copy.Pointer, copy.Length, target, new double[RankSelection.BinCount]));
        }
    }

    /// <summary>A mass that rounding puts above the sum keeps everything.</summary>
    [Fact]
    public void KeepMass_MoreThanThereIs_KeepsAll()
    {
        var values = Values(4, 50);
        var all = Enumerable.Range(0, values.Length).Where(id => values[id] > 0).ToHashSet();
        Check(values, all, copy => RankSelection.KeepMass(copy.Pointer, copy.Length, 1e9, new double[RankSelection.BinCount]));
    }

    [Fact]
    public void TopTokens_WithTies_AreLowestIdFirst()
    {
        var values = Values(5, 10);
        var ids = new int[20];
        var top = new float[20];
        fixed (float* pointer = values)
        {
            TopTokens.Find(pointer, values.Length, ids, top);
        }

        Assert.Equal(Order(values).Take(20), ids);
        Assert.Equal(ids.Select(id => values[id]), top);
    }

    private static IEnumerable<int> Order(float[] values) => Enumerable.Range(0, values.Length).OrderByDescending(id => values[id]).ThenBy(id => id);

    private static float[] Values(int seed, int levels)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, 500).Select(_ => random.Next(levels) / (float)levels)];
    }

    private static void Check(float[] values, HashSet<int> kept, Action<Copy> select)
    {
        var copy = values.ToArray();
        fixed (float* pointer = copy)
        {
            select(new Copy(pointer, copy.Length));
        }

        Assert.Equal(values.Select((value, id) => kept.Contains(id) ? value : 0), copy);
    }

    private sealed class Copy(float* pointer, int length)
    {
        public float* Pointer { get; } = pointer;

        public int Length { get; } = length;
    }
}
