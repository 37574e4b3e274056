using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Collects a program's buffers, weights, slices and operations and hands out their indices.</summary>
internal sealed class ProgramWriter
{
    private readonly List<ProgramBuffer> _buffers = [];
    private readonly List<WeightSpec> _weights = [];
    private readonly List<LoraSlice> _slices = [];
    private readonly List<ProgramOp> _ops = [];

    /// <summary>A buffer of one row per token.</summary>
    public int Buffer(string name, int columns, BufferElement element) => Buffer(name, columns, element, BufferRows.Step);

    /// <summary>A buffer.</summary>
    public int Buffer(string name, int columns, BufferElement element, BufferRows rows)
    {
        _buffers.Add(new ProgramBuffer(name, columns, element, rows));
        return _buffers.Count - 1;
    }

    /// <summary>A matrix stacked by rows from tensors of the given heights.</summary>
    public int Matrix(string name, int columns, WeightKind kind, params ReadOnlySpan<(string Tensor, int Rows)> tensors)
    {
        var (parts, rows) = Stack(tensors);
        return Add(new WeightSpec(_weights.Count, name, rows, columns, kind, parts));
    }

    /// <summary>A matrix stacked by rows from parts of tensors, whose offsets follow from their lengths.</summary>
    public int Matrix(string name, int columns, WeightKind kind, params ReadOnlySpan<WeightPart> parts)
    {
        var (stacked, rows) = Stack(parts);
        return Add(new WeightSpec(_weights.Count, name, rows, columns, kind, stacked));
    }

    /// <summary>The matrices of experts, one behind the other, stacked from parts of tensors.</summary>
    public int Experts(string name, int columns, int experts, IEnumerable<WeightPart> parts)
    {
        var index = Matrix(name, columns, WeightKind.Matrix, [.. parts]);
        _weights[index] = _weights[index] with { Experts = experts };
        return index;
    }

    /// <summary>The biases of experts, one behind the other, joined from parts of tensors.</summary>
    public int ExpertsBias(string name, int experts, IEnumerable<WeightPart> parts)
    {
        var (joined, columns) = Stack([.. parts]);
        return Add(new WeightSpec(_weights.Count, name, 1, columns, WeightKind.Vector, joined) { Experts = experts });
    }

    /// <summary>A vector joined from tensors of the given lengths.</summary>
    public int Vector(string name, params ReadOnlySpan<(string Tensor, int Length)> tensors) => Vector(name, 0, tensors);

    /// <summary>A vector joined from parts of tensors.</summary>
    public int Vector(string name, params ReadOnlySpan<WeightPart> parts)
    {
        var (joined, columns) = Stack(parts);
        return Add(new WeightSpec(_weights.Count, name, 1, columns, WeightKind.Vector, joined));
    }

    /// <summary>A vector of one part of a tensor, with an offset added to every element.</summary>
    public int Vector(string name, float offset, WeightPart part) =>
        Add(new WeightSpec(_weights.Count, name, 1, part.Length, WeightKind.Vector, [part]) { Offset = offset });

    /// <summary>A vector in fp32, of one tensor.</summary>
    public int Floats(WeightPart part) =>
        Add(new WeightSpec(_weights.Count, part.TensorName, 1, part.Length, WeightKind.Vector, [part]) { Format = WeightFormat.Float32 });

    /// <summary>A vector of one tensor, multiplied by a power of two before, with an offset added to every element.</summary>
    public int Vector(string tensor, int length, float offset, float scale) =>
        Add(new WeightSpec(_weights.Count, tensor, 1, length, WeightKind.Vector, [new WeightPart(tensor, 0, length) { Scale = scale }]) { Offset = offset });

    /// <summary>A vector joined from tensors of the given lengths, with an offset added to every element.</summary>
    public int Vector(string name, float offset, params ReadOnlySpan<(string Tensor, int Length)> tensors)
    {
        var (parts, columns) = Stack(tensors);
        return Add(new WeightSpec(_weights.Count, name, 1, columns, WeightKind.Vector, parts) { Offset = offset });
    }

    /// <summary>A LoRA slice, of several experts or of one matrix.</summary>
    public LoraSlice Slice(int layer, Projection projection, int inputWidth, int outputOffset, int outputWidth, int experts = 1)
    {
        var slice = new LoraSlice(_slices.Count, layer, projection, inputWidth, outputOffset, outputWidth) { Experts = experts };
        _slices.Add(slice);
        return slice;
    }

    /// <summary>An operation, after those added before.</summary>
    public void Op(ProgramOp op) => _ops.Add(op);

    /// <summary>The program.</summary>
    public ModelProgram ToProgram(string name, ModelShape shape, RopeTable rope, MixtureShape? mixture = null) =>
        new(name, shape, rope, _buffers, _weights, _slices, _ops) { Mixture = mixture };

    private static (List<WeightPart> Parts, int Total) Stack(ReadOnlySpan<(string Tensor, int Length)> tensors)
    {
        var parts = new List<WeightPart>(tensors.Length);
        foreach (var (tensor, length) in tensors)
        {
            parts.Add(new WeightPart(tensor, 0, length));
        }

        return Stack([.. parts]);
    }

    private static (List<WeightPart> Parts, int Total) Stack(ReadOnlySpan<WeightPart> parts)
    {
        var stacked = new List<WeightPart>(parts.Length);
        var offset = 0;
        foreach (var part in parts)
        {
            stacked.Add(part with { Offset = offset });
            offset = checked(offset + part.Length);
        }

        return (stacked, offset);
    }

    private int Add(WeightSpec weight)
    {
        _weights.Add(weight);
        return weight.Index;
    }
}
