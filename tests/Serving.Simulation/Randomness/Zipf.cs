namespace Serving.Simulation.Randomness;

/// <summary>Ranks with Zipf's law: rank r is drawn in proportion to 1 ÷ (r + 1)^s; s = 0 is uniform.</summary>
internal sealed class Zipf
{
    private readonly double[] _cumulative;

    /// <summary>A law over <paramref name="count"/> ranks.</summary>
    public Zipf(int count, double exponent)
    {
        _cumulative = new double[count];
        var sum = 0.0;
        for (var rank = 0; rank < count; rank++)
        {
            sum += Math.Pow(rank + 1, -exponent);
            _cumulative[rank] = sum;
        }
    }

    /// <summary>Draws a rank.</summary>
    public int Draw(Prng random)
    {
        var index = Array.BinarySearch(_cumulative, random.Unit() * _cumulative[^1]);
        return Math.Min(index < 0 ? ~index : index, _cumulative.Length - 1);
    }
}
