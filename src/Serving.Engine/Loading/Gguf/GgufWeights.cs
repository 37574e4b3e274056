using System.Buffers.Binary;
using System.Security.Cryptography;
using Serving.Compute.Programs;
using Serving.Core.Memory;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>The weights of an open GGUF file.</summary>
internal sealed class GgufWeights : IWeightFiles
{
    private readonly GgufFile _file;
    private readonly GgufFamily _family;

    private GgufWeights(GgufFile file, GgufFamily family) => (_file, _family) = (file, family);

    private IReadOnlyDictionary<string, GgufTensor> Tensors => _file.Header.Tensors;

    /// <summary>Opens a file.</summary>
    /// <exception cref="ModelFormatException">It is malformed, unreadable, or of a family that is not served.</exception>
    public static GgufWeights Open(string path) => GgufModel.Guard(path, () =>
    {
        var file = GgufFile.Open(path);
        try
        {
            return new GgufWeights(file, GgufFamily.Of(file.Header.Metadata));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    });

    /// <inheritdoc/>
    public Func<WeightPart, RowSource> Match(ModelProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        var (layers, rows, rule) = (program.Shape.LayerCount, TensorLengths.Of(program), _family.TilesValueHeads ? program.Ops.OfType<DeltaRuleOp>().FirstOrDefault() : null);
        var (sources, used, missing) = (new Dictionary<string, RowSource>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal), new List<string>());
        foreach (var weight in program.Weights)
        {
            foreach (var part in weight.Parts.Where(part => !sources.ContainsKey(part.TensorName)))
            {
                if (NumberRow.Find(_file.Header.Metadata, part.TensorName) is { } number)
                {
                    sources.Add(part.TensorName, number);
                    continue;
                }

                var (name, expert) = GgufNames.Of(part.TensorName, _family);
                if (Tensors.TryGetValue(name, out var tensor))
                {
                    used.Add(name);
                    var source = Open(tensor, expert, weight, part, rows[part.TensorName], program.Shape.HeadSize);
                    sources.Add(part.TensorName, Ordered(source, weight, part, rows[part.TensorName], rule?.Heads));
                }
                else
                {
                    missing.Add(name);
                }
            }
        }

        TensorRefusal.Check("the file has no tensor", missing);
        TensorRefusal.Check("the model has no place for tensor", Tensors.Keys.Where(name => !used.Contains(name) && !GgufNames.IsRope(name) && !(_family.HasRecurrence && GgufNames.IsBehind(name, layers))));
        return part => sources[part.TensorName];
    }

    /// <inheritdoc/>
    public Digest RevisionOf(WeightFormat format)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, (long)format);
        foreach (var part in _file.Parts)
        {
            Append(hash, part);
        }

        return new Digest(hash.GetHashAndReset());
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>A tensor's rows in the order that checkpoints have them in, and a convolution's weight as it is kept.</summary>
    private static RowSource Ordered(RowSource rows, WeightSpec weight, WeightPart part, int length, DeltaRuleHeads? heads)
    {
        var columns = weight.Kind != WeightKind.Vector ? weight.Columns : Math.Max(part.Taps, 1);
        if (heads is not null && TiledHeads.Of(part.TensorName, heads) is { } order)
        {
            rows = TiledHeads.IsOfColumns(part.TensorName) ? new OrderedColumns(rows, order, columns) : new OrderedRows(rows, order, columns);
        }

        return part.Taps > 0 ? new TapRows(rows, part.Taps, length / part.Taps) : rows;
    }

    private RowSource Open(GgufTensor tensor, int? expert, WeightSpec weight, WeightPart part, int length, int headSize)
    {
        if (part.Taps > 0)
        {
            tensor.Expect(part.Taps, length / part.Taps);
            return new FloatRows(_file, tensor, part.Taps);
        }

        var isVector = weight.Kind == WeightKind.Vector;
        var columns = isVector ? 1 : weight.Columns;

        // A matrix of one output is a vector there.
        long[] outputs = isVector || length > 1 || tensor.Dimensions.Count > 1 ? [length] : [];
        outputs = part.TensorRows > 1 ? [length / part.TensorRows, part.TensorRows] : outputs;
        tensor.Expect([.. isVector ? (long[])[] : [columns], .. outputs, .. expert is null ? (long[])[] : [weight.Experts]]);
        var start = (long)(expert ?? 0) * length;

        // Of norms whose checkpoints hold the difference from 1, files hold the sum.
        var rows = isVector ? new FloatRows(_file, tensor, columns, start, addend: -weight.Offset) : GgufRows.Open(_file, tensor, columns, start);
        return _family.IsInterleaved && GgufNames.IsRotated(part.TensorName) ? new InterleavedRows(rows, headSize, columns) : rows;
    }

    private static void Append(IncrementalHash hash, GgufPart part)
    {
        Append(hash, part.FileBytes);
        Append(hash, part.ChangedUtc.Ticks);
        Append(hash, part.Header.DataOffset);
        var (buffer, end) = (new byte[1 << 16], Math.Min(part.Header.DataOffset, part.FileBytes));
        for (var at = 0L; at < end;)
        {
            var chunk = buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at));
            part.Read(at, chunk);
            hash.AppendData(chunk);
            at += chunk.Length;
        }
    }

    private static void Append(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
