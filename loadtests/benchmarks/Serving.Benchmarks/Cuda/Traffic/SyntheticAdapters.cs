using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Programs;
using Serving.Core.Adapters;
using Serving.Core.Memory;

namespace Serving.Benchmarks.Cuda;

/// <summary>
/// Adapters in host memory, prepared, each content drawn from its number. The daemon knows all of them apart by their digests; several share a content where there are fewer contents than adapters,
/// which no copy and no kernel can tell: pinning the memory of thousands would take a good part of a short run.
/// </summary>
internal sealed class SyntheticAdapters
{
    private readonly IPreparedAdapter[] _prepared;
    private readonly Dictionary<Digest, int> _numbers = [];

    /// <summary>Draws and prepares the contents; the backend's pool has host memory for so many.</summary>
    public SyntheticAdapters(ModelProgram program, IComputeBackend backend, int count, int contents, int rank)
    {
        _prepared = new IPreparedAdapter[Math.Min(count, contents)];
        Parallel.For(0, _prepared.Length, () => new ushort[Bytes(program, rank) / sizeof(ushort)], (number, _, elements) =>
        {
            _prepared[number] = backend.PrepareAdapter(Draw(program, rank, number, elements)) ?? throw new InvalidOperationException($"Host memory has no room for adapter {number} of {_prepared.Length}.");
            return elements;
        }, static _ => { });
        References = [.. Enumerable.Range(0, count).Select(number => new AdapterRef(DigestOf(number), ContentOf(number).PageCount, Bytes(program, rank)))];
        foreach (var reference in References)
        {
            _numbers.Add(reference.Digest, _numbers.Count);
        }
    }

    /// <summary>What requests name.</summary>
    public IReadOnlyList<AdapterRef> References { get; }

    /// <summary>Bytes of the matrices of one.</summary>
    public static long Bytes(ModelProgram program, int rank) =>
        program.Slices.Where(BenchmarkShape.IsAttention).Sum(slice => (long)rank * (slice.InputWidth + slice.OutputWidth) * sizeof(ushort));

    /// <summary>One of them.</summary>
    public IPreparedAdapter Find(Digest digest) => ContentOf(_numbers[digest]);

    private IPreparedAdapter ContentOf(int number) => _prepared[number % _prepared.Length];

    private static Digest DigestOf(int number)
    {
        var name = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(name, number);
        return Digest.Of(name);
    }

    /// <summary>The matrices of one, in memory that the next is drawn in.</summary>
    private static AdapterWeights Draw(ModelProgram program, int rank, int number, ushort[] elements)
    {
        var state = (ulong)number + 1;
        foreach (ref var four in MemoryMarshal.Cast<ushort, ulong>(elements.AsSpan()))
        {
            // xorshift64*; of every 16 bits the sign and seven bits of the fraction, so that each is a bf16 of magnitude 2^-7 … 2^-6.
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            four = (state * 0x2545F4914F6CDD1D & 0x807F_807F_807F_807F) | 0x3C00_3C00_3C00_3C00;
        }

        var slices = new List<AdapterSlice>();
        var at = 0;
        foreach (var slice in program.Slices.Where(BenchmarkShape.IsAttention))
        {
            var (a, b) = (rank * slice.InputWidth, rank * slice.OutputWidth);
            slices.Add(new AdapterSlice(slice.Index, rank, 1, elements.AsMemory(at, a), elements.AsMemory(at + a, b)));
            at += a + b;
        }

        return new AdapterWeights(slices);
    }
}
