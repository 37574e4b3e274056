namespace Serving.Compute.Programs;

/// <summary>What adapters may change of mixtures of experts: experts, and what chooses them. Some backends cannot.</summary>
public static class MixtureAdapters
{
    /// <summary>The slices of Linears whose rows meet their expert's matrix, and of those by whose outputs experts are chosen.</summary>
    public static IReadOnlySet<int> SlicesOf(ModelProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        return program.Ops.OfType<LinearOp>().Where(op => IsOfMixture(program, op)).SelectMany(op => op.Slices).Select(slice => slice.Index).ToHashSet();
    }

    /// <summary>The program with Linears of mixtures that no adapter changes. Its list of slices stays, so that their numbers are the model's.</summary>
    public static ModelProgram Without(ModelProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        return program.Mixture is null ? program : program with
        {
            Ops = [.. program.Ops.Select(op => op is LinearOp linear && IsOfMixture(program, linear) ? linear with { Slices = [] } : op)],
        };
    }

    private static bool IsOfMixture(ModelProgram program, LinearOp op) => program.IsExperts(op) || program.IsRouter(op);
}
