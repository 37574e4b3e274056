using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Tenancy;

namespace Serving.Benchmarks.Cuda;

/// <summary>Requests of random tokens and lengths, each for one of some adapters; drawn from a seed, so that rounds differ in their adapters alone.</summary>
internal sealed class RequestSource(TrafficSize size, int vocabulary, IReadOnlyList<AdapterRef> adapters, long firstId, int seed)
{
    private static readonly Tenant Tenant = new(new TenantId("benchmark"), 1, Digest.None, new TenantLimits(int.MaxValue, long.MaxValue));

    private readonly Random _lengths = new(seed);
    private readonly Random _tokens = new(seed + 1);
    private readonly Random _adapters = new(seed + 2);
    private long _next = firstId;

    /// <summary>The next one.</summary>
    public Request Next()
    {
        var prompt = new int[_lengths.Next(size.MinLength, size.MaxLength + 1)];
        for (var i = 0; i < prompt.Length; i++)
        {
            prompt[i] = _tokens.Next(vocabulary);
        }

        return new Request
        {
            Id = new RequestId(_next++),
            Tenant = Tenant,
            Adapter = adapters[_adapters.Next(adapters.Count)],
            Prompt = prompt,
            Sampling = new SamplingParameters { MaxTokens = _lengths.Next(size.MinLength, size.MaxLength + 1), Temperature = 0 },
        };
    }
}
