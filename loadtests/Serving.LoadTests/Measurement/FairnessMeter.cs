namespace Serving.LoadTests.Measurement;

/// <summary>
/// The Virtual Token Counter's measure of fairness (Sheng et al. 2024): over any stretch of time in which two tenants were both backlogged, by how much one was served more than the
/// other. Service is a token of a prompt, counted when its first answer token comes, or two for a token of an answer, over the tenant's weight. A tenant is backlogged here while one
/// of its requests waits for its first token: the client's view of a queue.
/// </summary>
internal sealed class FairnessMeter
{
    /// <summary>Tenants at most: each event looks at all of them.</summary>
    public const int MaxTenants = 64;

    private const double OutputCost = 2;
    private readonly Lock _lock = new();
    private readonly double[] _weights;
    private readonly double[] _served;
    private readonly int[] _waiting;

    // For i < j: the least and the largest of served[i] − served[j] since both are backlogged.
    private readonly (double Least, double Largest)[,] _range;

    /// <summary>Begins with nothing served.</summary>
    /// <param name="weights">Of each tenant.</param>
    public FairnessMeter(IReadOnlyList<double> weights)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(weights.Count, MaxTenants);
        (_weights, _served, _waiting) = ([.. weights], new double[weights.Count], new int[weights.Count]);
        _range = new (double, double)[weights.Count, weights.Count];
    }

    /// <summary>The largest gap so far; 0 when no two tenants were backlogged at once.</summary>
    public double Gap { get; private set; }

    /// <summary>Whether any two tenants were backlogged at once and one was served.</summary>
    public bool Compared { get; private set; }

    /// <summary>A request of a tenant begins to wait.</summary>
    public void Wait(int tenant)
    {
        lock (_lock)
        {
            if (_waiting[tenant]++ > 0)
            {
                return;
            }

            for (var other = 0; other < _served.Length; other++)
            {
                var (low, high) = (Math.Min(tenant, other), Math.Max(tenant, other));
                _range[low, high] = (_served[low] - _served[high], _served[low] - _served[high]);
            }
        }
    }

    /// <summary>It waits no more: it has a token, or is over.</summary>
    public void Leave(int tenant)
    {
        lock (_lock)
        {
            _waiting[tenant]--;
        }
    }

    /// <summary>A tenant was served.</summary>
    /// <param name="tenant">Who.</param>
    /// <param name="input">Tokens of prompts.</param>
    /// <param name="output">Tokens of answers.</param>
    public void Serve(int tenant, int input, int output)
    {
        lock (_lock)
        {
            _served[tenant] += (input + (OutputCost * output)) / _weights[tenant];
            for (var other = 0; other < _served.Length; other++)
            {
                if (other != tenant && _waiting[tenant] > 0 && _waiting[other] > 0)
                {
                    Compare(Math.Min(tenant, other), Math.Max(tenant, other));
                }
            }
        }
    }

    private void Compare(int low, int high)
    {
        ref var range = ref _range[low, high];
        var now = _served[low] - _served[high];
        range = (Math.Min(range.Least, now), Math.Max(range.Largest, now));
        Gap = Math.Max(Gap, range.Largest - range.Least);
        Compared = true;
    }
}
