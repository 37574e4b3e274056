using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Cuda.Plans;

/// <summary>Steps of sequences for plans of attention.</summary>
internal static class AttentionSteps
{
    /// <summary>A plan for a model of some heads on a device of so many resident blocks; <paramref name="pieces"/> null to choose, <paramref name="window"/> 0 for none.</summary>
    public static AttentionPlan Plan(StepLimits limits, int group, int kvHeads, int blocks, int stateCapacity, int? pieces = null, int window = 0) =>
        new(new ModelShape(64, 64, 1, kvHeads * group, kvHeads, 64, 100), limits, stateCapacity, blocks) { MostSplits = pieces, Window = window };

    /// <summary>Adds a sequence whose first entries are pages 0, 1, … that others have too, and whose further ones are its own.</summary>
    public static void Add(StepInputs inputs, int firstOrdinal, int rows, int sharedEntries = 0)
    {
        inputs.AddSequence(new()
        {
            FirstRow = inputs.RowCount,
            RowCount = rows,
            FirstOrdinal = firstOrdinal,
            FirstEntry = inputs.EntryCount,
            EntryCount = (firstOrdinal + rows + 15) / 16,
        });
        for (var token = 0; token < firstOrdinal + rows; token += 16)
        {
            var page = token / 16 < sharedEntries ? token / 16 : 1000 + inputs.EntryCount;
            inputs.AddEntry(page, Math.Min(16, firstOrdinal + rows - token));
        }

        for (var row = 0; row < rows; row++)
        {
            inputs.AddRow(0, 0, 0, 0);
        }
    }

    /// <summary>A step of one row for each context, counted with the row.</summary>
    public static StepInputs Decode(params IEnumerable<int> contexts)
    {
        var inputs = new StepInputs();
        foreach (var context in contexts)
        {
            Add(inputs, context - 1, 1);
        }

        return inputs;
    }
}
