using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Memory;

/// <summary>Bytes of everything that the largest step computes in: what <see cref="StepMemory"/> takes, and the memory plan counts before anything is taken.</summary>
internal sealed class StepSizes
{
    /// <summary>Adds them up.</summary>
    /// <param name="program">The program.</param>
    /// <param name="layout">The largest step's block.</param>
    /// <param name="decodedBytes">Bytes of decoded matrices at most (<see cref="DecodedSlabs"/>).</param>
    public StepSizes(ModelProgram program, StepLayout layout, long decodedBytes)
    {
        var limits = layout.Limits;

        // What rows per choice are multiplied with ends in the kernel that multiplies.
        var linears = program.Ops.OfType<LinearOp>().Where(op => program.Buffers[op.Input].Rows != BufferRows.Choice).ToList();
        Block = layout.Bytes;
        Buffers = [.. program.Buffers.Select(buffer => BytesOf(program, buffer, limits))];
        Product = linears.Select(op => ProductFloats(program, op, limits.MaxRows)).DefaultIfEmpty(1).Max() * sizeof(float);
        Deltas = linears.Select(op => DeltaFloats(program, op, limits.MaxRows)).DefaultIfEmpty(1).Max() * sizeof(float);
        Partials = linears.Select(op => PartialFloats(program, op)).DefaultIfEmpty(1).Max() * limits.MaxRows * sizeof(float);
        TokenSlots = (long)layout.Entries.Capacity * ModelShape.PageTokens * sizeof(int);
        States = (long)layout.StateCapacity * program.Shape.HeadCount * (4 + program.Shape.HeadSize) * sizeof(float);
        SampleScratch = checked((long)limits.MaxOutputs * SampleFloats(program) * sizeof(float));
        PendingIds = (long)limits.MaxRows * sizeof(int);
        PerOutput = (long)limits.MaxOutputs * sizeof(int);
        PerTopToken = PerOutput * SampleRow.MaxTopLogprobs;
        Mixture = MixtureMemory.BytesOf(program, limits);
        Decoded = DecodedSlabs.BytesOf(program, decodedBytes);
    }

    /// <summary>The step's block.</summary>
    public long Block { get; }

    /// <summary>The program's buffers, by their numbers.</summary>
    public IReadOnlyList<long> Buffers { get; }

    /// <summary>A product before its end.</summary>
    public long Product { get; }

    /// <summary>v·Bᵀ of a Linear.</summary>
    public long Deltas { get; }

    /// <summary>x·Aᵀ by chunks.</summary>
    public long Partials { get; }

    /// <summary>Slots of all tokens.</summary>
    public long TokenSlots { get; }

    /// <summary>Softmax states of splits.</summary>
    public long States { get; }

    /// <summary>Logits as they are penalised and sorted out.</summary>
    public long SampleScratch { get; }

    /// <summary>Ids of the step before, by row.</summary>
    public long PendingIds { get; }

    /// <summary>A number for each output: sampled ids, logprobs.</summary>
    public long PerOutput { get; }

    /// <summary>A number for each top token of each output: ids, logprobs.</summary>
    public long PerTopToken { get; }

    /// <summary>Which experts rows chose: the tables of <see cref="MixtureMemory"/>.</summary>
    public long Mixture { get; }

    /// <summary>A matrix of integers, or a slab of it, as bf16.</summary>
    public long Decoded { get; }

    /// <summary>All of it.</summary>
    public long Total => Block + Buffers.Sum() + Product + Deltas + Partials + TokenSlots + States + SampleScratch + PendingIds + (2 * (PerOutput + PerTopToken)) + Mixture + Decoded;

    private static long MatrixBytes(long rows, int columns, int elementBytes) => checked(rows * Strides.Of(columns) * elementBytes);

    private static long BytesOf(ModelProgram program, ProgramBuffer buffer, StepLimits limits) => MatrixBytes(
        program.RowsOf(buffer.Rows, limits.MaxRows, limits.MaxOutputs),
        buffer.Columns,
        buffer.Element == BufferElement.Float32 ? sizeof(float) : sizeof(ushort));

    private static long ProductFloats(ModelProgram program, LinearOp op, int maxRows) =>
        checked((long)ProductPlanes.RowsOf(op.Mode == LinearOutput.Accumulate, maxRows) * Strides.Of(program.Weights[op.Weight].Rows));

    /// <summary>An end that norms reads deltas in steps of any size, others in those of few rows only: there they would cost more memory's time than they save.</summary>
    private static long DeltaFloats(ModelProgram program, LinearOp op, int maxRows)
    {
        var rows = op.Slices.Count == 0 ? 0 : op.Mode == LinearOutput.Accumulate ? maxRows : Math.Min(ProductPlanes.FewRows, maxRows);
        return checked((long)Math.Max(1, rows) * Strides.Of(program.Weights[op.Weight].Rows));
    }

    /// <summary>Floats of the partial planes of a Linear, per row.</summary>
    private static long PartialFloats(ModelProgram program, LinearOp op)
    {
        var planes = (program.Weights[op.Weight].Columns + LoraParameters.ShrinkChunk - 1) / LoraParameters.ShrinkChunk;
        return (long)planes * op.Slices.Count * LoraParameters.MaxRank;
    }

    /// <summary>Floats of an output's logits; ranks gather parts that are equally wide.</summary>
    private static int SampleFloats(ModelProgram program)
    {
        var vocabulary = program.Shape.VocabularySize;
        var parts = program.Ops.OfType<AllGatherOp>().Select(op => Strides.Of(program.Buffers[op.Input].Columns)).DefaultIfEmpty(vocabulary).Max();
        return Strides.Of((vocabulary + parts - 1) / parts * parts);
    }
}
