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

    /// <summary>
    /// Bytes of the largest weights file that can fit a program: all slices, of all experts, at rank 256 in f32, and a header; or as many elements in f32 as one array of matrices holds.
    /// </summary>
    public static long MaxWeightBytes(ModelProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        var elements = program.Slices.Sum(slice => (long)PeftConfig.MaxRank * slice.Experts * (slice.InputWidth + slice.OutputWidth));
        return (Math.Min(Array.MaxLength, elements) * sizeof(float)) + MaxHeaderBytes;
    }

    /// <summary>Reads an adapter from the bytes of its files.</summary>
    /// <param name="config">The configuration file.</param>
    /// <param name="weights">The weights file.</param>
    /// <param name="program">The model.</param>
    /// <param name="adaptsExperts">Whether the device runs adapters of experts, and of what chooses them; where not, one that has any is refused.</param>
    /// <param name="adaptsMagnitudes">Whether it runs DoRA; where not, one that is of it is refused.</param>
    /// <exception cref="AdapterFormatException">Malformed, unfit for the model, or not supported; the message contains no path.</exception>
    public static AdapterContent Read(ReadOnlyMemory<byte> config, ReadOnlyMemory<byte> weights, ModelProgram program, bool adaptsExperts = true, bool adaptsMagnitudes = true)
    {
        ArgumentNullException.ThrowIfNull(program);
        return Read(config, FileBytes.Of(weights), program, adaptsExperts, adaptsMagnitudes);
    }

    /// <inheritdoc cref="Read(ReadOnlyMemory{byte}, ReadOnlyMemory{byte}, ModelProgram, bool, bool)"/>
    internal static AdapterContent Read(ReadOnlyMemory<byte> config, FileBytes weights, ModelProgram program, bool adaptsExperts, bool adaptsMagnitudes)
    {
        var adapter = At(ConfigName, () => PeftConfig.Parse(config));
        var header = At(WeightsName, () => ReadHeader(weights));
        var pairs = At(WeightsName, () => PeftPairs.Match(adapter, header, program, adaptsExperts, adaptsMagnitudes));
        var slices = At(WeightsName, () => Convert(adapter, header, weights, pairs));
        return new AdapterContent(new AdapterWeights(slices), DigestOf(config.Span, weights), slices.Sum(slice => (2L * (slice.A.Length + slice.B.Length)) + (4L * slice.Magnitudes.Length)));
    }

    /// <summary>The identity of an adapter with these files.</summary>
    public static Digest DigestOf(ReadOnlySpan<byte> config, ReadOnlyMemory<byte> weights) => DigestOf(config, FileBytes.Of(weights));

    private static Digest DigestOf(ReadOnlySpan<byte> config, FileBytes weights)
    {
        Span<byte> both = stackalloc byte[2 * Digest.SizeBytes];
        SHA256.HashData(config, both);
        weights.Hash(both[Digest.SizeBytes..]);
        return Digest.Of(both);
    }

    private static SafetensorsHeader ReadHeader(FileBytes file)
    {
        var prefix = file.Slice(0, (int)Math.Min(SafetensorsHeader.PrefixBytes, file.Length));
        var length = SafetensorsHeader.ReadLength(prefix, file.Length, MaxHeaderBytes);
        return SafetensorsHeader.Parse(file.Slice(SafetensorsHeader.PrefixBytes, length), file.Length);
    }

    private static List<AdapterSlice> Convert(PeftConfig adapter, SafetensorsHeader header, FileBytes file, PeftMatch match)
    {
        // One array for all matrices: an adapter is one object to the collector, however many slices it has.
        var elements = match.Linears.Sum(pair => pair.A.Length + ((long)pair.Rows.Length * pair.Rank)) + match.Experts.Sum(pair => pair.Length);
        if (elements > Array.MaxLength)
        {
            throw new AdapterFormatException(AdapterFailure.TooLarge, FormattableString.Invariant($"its matrices have {elements} elements, more than the {Array.MaxLength} that are kept of one adapter"));
        }

        var values = GC.AllocateUninitializedArray<ushort>((int)elements);
        var rest = values.AsMemory();
        var slices = new List<AdapterSlice>(match.Linears.Count);
        foreach (var pair in match.Experts)
        {
            var scale = adapter.ScaleOf(pair.Module, pair.Rank);
            slices.AddRange(pair.Cut(scale, Take(ref rest, (int)pair.Length), (tensor, first, to) => Convert(header, file, tensor, first, to)));
        }

        foreach (var pair in match.Linears)
        {
            var a = Take(ref rest, (int)pair.A.Length);
            Convert(header, file, pair.A, 0, a.Span);
            var b = Take(ref rest, pair.Rows.Length * pair.Rank);
            ConvertRows(header, file, pair, b.Span);
            slices.Add(new AdapterSlice(pair.Slice, pair.Rank, adapter.ScaleOf(pair.Module, pair.Rank), a, b) { Expert = pair.Expert, Magnitudes = ReadMagnitudes(header, file, pair) });
        }

        return [.. slices.OrderBy(slice => slice.Slice).ThenBy(slice => slice.Expert)];
    }

    private static Memory<ushort> Take(ref Memory<ushort> rest, int length)
    {
        var values = rest[..length];
        rest = rest[length..];
        return values;
    }

    /// <summary>The rows of B that are the slice's, in the order in which the model's weights are kept.</summary>
    private static void ConvertRows(SafetensorsHeader header, FileBytes file, PeftPair pair, Span<ushort> values)
    {
        for (var row = 0; row < pair.Rows.Length;)
        {
            var (source, count) = pair.Rows.RunAt(row);
            count = Math.Min(count, pair.Rows.Length - row);
            Convert(header, file, pair.B, source * pair.Rank, values.Slice(row * pair.Rank, count * pair.Rank));
            row += count;
        }
    }

    /// <summary>The magnitudes of the slice's rows, likewise; in fp32, as an output's relative error is theirs.</summary>
    private static float[] ReadMagnitudes(SafetensorsHeader header, FileBytes file, PeftPair pair)
    {
        if (pair.Magnitudes is not { } tensor)
        {
            return [];
        }

        var (values, size) = (new float[pair.Rows.Length], TensorTypes.SizeOf(tensor.Type));
        for (var row = 0; row < values.Length;)
        {
            var (source, count) = pair.Rows.RunAt(row);
            count = Math.Min(count, values.Length - row);
            if (!TensorConversion.TryToSingle(tensor.Type, file.Slice(header.DataOffset + tensor.Begin + ((long)source * size), count * size), values.AsSpan(row, count)))
            {
                throw new MalformedFileException($"tensor {MalformedFileException.Quote(tensor.Name)} holds a value that is not finite");
            }

            row += count;
        }

        return values;
    }

    private static void Convert(SafetensorsHeader header, FileBytes file, TensorEntry tensor, int first, Span<ushort> values)
    {
        var size = TensorTypes.SizeOf(tensor.Type);
        var bytes = file.Slice(header.DataOffset + tensor.Begin + ((long)first * size), checked(values.Length * size));
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
