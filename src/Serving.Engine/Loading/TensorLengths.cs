using Serving.Compute.Programs;

namespace Serving.Engine.Loading;

/// <summary>How many rows (elements of a vector) of each tensor a program takes, all its parts together: those that a whole tensor has, whichever weights they go to.</summary>
internal static class TensorLengths
{
    /// <summary>By the names that the program has for the tensors.</summary>
    public static Dictionary<string, int> Of(ModelProgram program) =>
        program.Weights.SelectMany(weight => weight.Parts).GroupBy(part => part.TensorName, StringComparer.Ordinal).ToDictionary(parts => parts.Key, parts => parts.Sum(part => part.Length), StringComparer.Ordinal);
}
