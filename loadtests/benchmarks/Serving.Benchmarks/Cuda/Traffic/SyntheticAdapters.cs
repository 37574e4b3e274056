using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Programs;
using Serving.Core.Adapters;
using Serving.Core.Memory;

namespace Serving.Benchmarks.Cuda;

/// <summary>Adapters in host memory, each with matrices of its own, drawn from its number.</summary>
internal sealed class SyntheticAdapters
{
    private readonly AdapterWeights[] _weights;
    private readonly Dictionary<Digest, int> _numbers = [];

    /// <summary>Draws them.</summary>
    public SyntheticAdapters(ModelProgram program, IComputeBackend backend, int count, int rank)
    {
        _weights = new AdapterWeights[count];
        Parallel.For(0, count, number => _weights[number] = Draw(program, rank, number));
        var pages = backend.PageCountOf(_weights[0]);
        References = [.. Enumerable.Range(0, count).Select(number => new AdapterRef(DigestOf(number), pages, Bytes(program, rank)))];
        foreach (var reference in References)
        {
            _numbers.Add(reference.Digest, _numbers.Count);
        }
    }

    /// <summary>What requests name.</summary>
    public IReadOnlyList<AdapterRef> References { get; }

    /// <summary>Bytes of one.</summary>
    public static long Bytes(ModelProgram program, int rank) =>
        program.Slices.Where(BenchmarkShape.IsAttention).Sum(slice => (long)rank * (slice.InputWidth + slice.OutputWidth) * sizeof(ushort));

    /// <summary>The matrices of one.</summary>
    public AdapterWeights Find(Digest digest) => _weights[_numbers[digest]];

    private static Digest DigestOf(int number)
    {
        var name = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(name, number);
        return Digest.Of(name);
    }

    private static AdapterWeights Draw(ModelProgram program, int rank, int number)
    {
        var elements = new ushort[Bytes(program, rank) / sizeof(ushort)];
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
