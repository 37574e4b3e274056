namespace Serving.Compute.Programs;

/// <summary>
/// Says in which format the matrices of a program are kept. The ops stay as they are: on a CPU a Linear over a matrix of integers quantises its input, too, row by row in groups of 32,
/// and multiplies integers; on a GPU it multiplies with what they stand for, rounded to bf16; LoRA deltas, norms, attention and sampling are what they were.
/// </summary>
public static class ProgramQuantization
{
    /// <summary>
    /// The program with its matrices in a format. What ids go through, the embedding and the matrix of the logits, stays at eight bits at least: an error there meets
    /// every token and is averaged away by no layer after it. What chooses experts is left as it is: it is small, and a token that goes to another expert is computed otherwise
    /// altogether; so are the one row of which a factor is made, and the few of which the rates of a recurrence are, whose error every later token takes on.
    /// </summary>
    public static ModelProgram Apply(ModelProgram program, WeightFormat format)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (format == WeightFormat.BFloat16)
        {
            return program;
        }

        var heads = program.Ops.OfType<LogitsOp>().Select(op => op.Weight).ToHashSet();
        var kept = KeptOf(program);
        return program with
        {
            Weights = [.. program.Weights.Select(weight => kept.Contains(weight.Index) ? weight : weight with { Format = FormatOf(weight, heads.Contains(weight.Index), format) })],
        };
    }

    private static HashSet<int> KeptOf(ModelProgram program)
    {
        var logits = program.Ops.OfType<RouteOp>().Select(op => op.Input).Concat(program.Ops.OfType<GateMulOp>().Select(op => op.Factor).OfType<int>())
            .Concat(program.Ops.OfType<DeltaRuleOp>().Select(op => op.Rates)).ToHashSet();
        return [.. program.Ops.OfType<LinearOp>().Where(op => logits.Contains(op.Output)).Select(op => op.Weight)];
    }

    private static WeightFormat FormatOf(WeightSpec weight, bool isHead, WeightFormat format) => weight.Kind switch
    {
        WeightKind.Vector => weight.Format,
        WeightKind.Matrix when !isHead => format,
        _ => WeightFormat.Int8,
    };
}
