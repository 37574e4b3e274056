using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>Refuses a checkpoint for tensors of it, naming a few.</summary>
internal static class TensorRefusal
{
    private const int MostNamed = 5;

    /// <summary>Refuses if there are any.</summary>
    /// <param name="what">What is wrong with them.</param>
    /// <param name="tensors">Their names.</param>
    /// <exception cref="ModelFormatException">There are some.</exception>
    public static void Check(string what, IEnumerable<string> tensors)
    {
        string[] names = [.. tensors.Distinct().Order(StringComparer.Ordinal)];
        if (names.Length > 0)
        {
            var rest = names.Length > MostNamed ? $" and {names.Length - MostNamed} more" : "";
            throw new ModelFormatException($"{what} {string.Join(", ", names.Take(MostNamed).Select(MalformedFileException.Quote))}{rest}");
        }
    }
}
