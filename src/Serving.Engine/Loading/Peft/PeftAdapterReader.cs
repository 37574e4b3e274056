using System.Security.Cryptography;
using Serving.Compute.Adapters;
using Serving.Compute.Programs;
using Serving.Core.Memory;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Peft;

/// <summary>
/// Reads a LoRA in PEFT's format against the program it will run with. Strict: every tensor must belong to a targeted module, every targeted
/// module of the model must have both matrices, all shapes must fit, all values must be finite. What is not done is refused by name.
/// </summary>
public static class PeftAdapterReader
{
    /// <summary>Name of the configuration file.</summary>
    public const string ConfigName = "adapter_config.json";

    /// <summary>Name of the weights file.</summary>
    public const string WeightsName = "adapter_model.safetensors";

    private const int MaxHeaderBytes = 16 << 20;

    /// <summary>Bytes of the largest weights file that can fit a program: all slices at rank 256 in f32, and a header.</summary>
    public static long MaxWeightBytes(ModelProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        var elements = program.Slices.Sum(slice => (long)PeftConfig.MaxRank * (slice.InputWidth + slice.OutputWidth));
        return Math.Min(Array.MaxLength, (elements * sizeof(float)) + MaxHeaderBytes);
    }

    /// <summary>Reads an adapter from the bytes of its files.</summary>
    /// <exception cref="AdapterFormatException">Malformed, unfit for the model, or not supported; the message contains no path.</exception>
    public static PeftAdapter Read(ReadOnlyMemory<byte> config, ReadOnlyMemory<byte> weights, ModelProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        var adapter = At(ConfigName, () => PeftConfig.Parse(config));
        var header = At(WeightsName, () => ReadHeader(weights.Span));
        var pairs = At(WeightsName, () => PeftPairs.Match(adapter, header, program));
        var slices = At(WeightsName, () => Convert(adapter, header, weights, pairs));
        return new PeftAdapter(new AdapterWeights(slices), DigestOf(config.Span, weights.Span), slices.Sum(slice => 2L * (slice.A.Length + slice.B.Length)));
    }

    /// <summary>The identity of an adapter with these files.</summary>
    public static Digest DigestOf(ReadOnlySpan<byte> config, ReadOnlySpan<byte> weights)
    {
        Span<byte> both = stackalloc byte[2 * Digest.SizeBytes];
        SHA256.HashData(config, both);
        SHA256.HashData(weights, both[Digest.SizeBytes..]);
        return Digest.Of(both);
    }

    private static SafetensorsHeader ReadHeader(ReadOnlySpan<byte> file)
    {
        var length = SafetensorsHeader.ReadLength(file, file.Length, MaxHeaderBytes);
        return SafetensorsHeader.Parse(file.Slice(SafetensorsHeader.PrefixBytes, length), file.Length);
    }

    private static List<AdapterSlice> Convert(PeftConfig adapter, SafetensorsHeader header, ReadOnlyMemory<byte> file, IReadOnlyList<PeftPair> pairs)
    {
        // One array for all matrices: an adapter is one object to the collector, however many slices it has.
        var values = GC.AllocateUninitializedArray<ushort>(checked((int)pairs.Sum(pair => pair.A.Length + ((long)pair.Rows.Length * pair.Rank))));
        var rest = values.AsMemory();
        var slices = new List<AdapterSlice>(pairs.Count);
        foreach (var pair in pairs)
        {
            var a = Take(ref rest, (int)pair.A.Length);
            Convert(header, file.Span, pair.A, 0, a.Span);
            var b = Take(ref rest, pair.Rows.Length * pair.Rank);
            ConvertRows(header, file.Span, pair, b.Span);
            slices.Add(new AdapterSlice(pair.Slice, pair.Rank, adapter.ScaleOf(pair.Module, pair.Rank), a, b));
        }

        return slices;
    }

    private static Memory<ushort> Take(ref Memory<ushort> rest, int length)
    {
        var values = rest[..length];
        rest = rest[length..];
        return values;
    }

    /// <summary>The rows of B that are the slice's, in the order in which the model's weights are kept.</summary>
    private static void ConvertRows(SafetensorsHeader header, ReadOnlySpan<byte> file, PeftPair pair, Span<ushort> values)
    {
        for (var row = 0; row < pair.Rows.Length;)
        {
            var (source, count) = pair.Rows.RunAt(row);
            count = Math.Min(count, pair.Rows.Length - row);
            Convert(header, file, pair.B, source * pair.Rank, values.Slice(row * pair.Rank, count * pair.Rank));
            row += count;
        }
    }

    private static void Convert(SafetensorsHeader header, ReadOnlySpan<byte> file, TensorEntry tensor, int first, Span<ushort> values)
    {
        var size = TensorTypes.SizeOf(tensor.Type);
        var bytes = file.Slice(checked((int)(header.DataOffset + tensor.Begin) + (first * size)), checked(values.Length * size));
        if (!TensorConversion.TryToBFloat16(tensor.Type, bytes, values))
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)} holds a value that is not finite");
        }
    }

    private static T At<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (MalformedFileException e)
        {
            throw new AdapterFormatException((e as AdapterFormatException)?.Failure ?? AdapterFailure.Corrupt, $"{file}: {e.Message}", e);
        }
    }
}
