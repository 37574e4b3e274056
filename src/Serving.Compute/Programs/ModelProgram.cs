namespace Serving.Compute.Programs;

/// <summary>
/// A model as a flat list of operations over named buffers, built once per model; a backend interprets it.
/// Sizes, positions, page tables and adapters come in with each step.
/// </summary>
/// <param name="Name">Model name for messages.</param>
/// <param name="Shape">The model's sizes.</param>
/// <param name="Rope">Rotary table.</param>
/// <param name="Buffers">Activation buffers, referred to by index.</param>
/// <param name="Weights">Weights, referred to by index; a tied embedding is one weight used by Embed and Logits.</param>
/// <param name="Slices">Every LoRA slice of every Linear, in op order; <see cref="LoraSlice.Index"/> is the position here.</param>
/// <param name="Ops">The operations in order.</param>
public sealed record ModelProgram(
    string Name,
    ModelShape Shape,
    RopeTable Rope,
    IReadOnlyList<ProgramBuffer> Buffers,
    IReadOnlyList<WeightSpec> Weights,
    IReadOnlyList<LoraSlice> Slices,
    IReadOnlyList<ProgramOp> Ops)
{
    /// <summary>The experts of its layers; null where no layer has any.</summary>
    public MixtureShape? Mixture { get; init; }

    /// <summary>The buffer that logits are computed from: what a step gives back of outputs whose hidden state is asked for. −1 in a program without logits.</summary>
    public int LogitsInput => Ops.OfType<LogitsOp>().Select(op => op.Input).FirstOrDefault(-1);

    /// <summary>Whether a Linear is a router: experts are chosen by its outputs.</summary>
    public bool IsRouter(LinearOp op) => Ops.OfType<RouteOp>().Any(route => route.Input == op.Output);

    /// <summary>Whether a Linear's rows meet their expert's matrix each.</summary>
    public bool IsExperts(LinearOp op) => Buffers[op.Input].Rows == BufferRows.Choice;

    /// <summary>Rows of the largest buffer of a kind, in a step of so many rows and outputs.</summary>
    public int RowsOf(BufferRows kind, int rows, int outputs) => kind switch
    {
        BufferRows.Output => outputs,
        BufferRows.Choice => checked(rows * (Mixture?.ChoiceCount ?? 1)),
        _ => rows,
    };
}
