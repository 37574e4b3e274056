using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>
/// A model that lies in several files, as llama.cpp's <c>llama-gguf-split</c> and its converter write it: the first one has the metadata, all have tensors, and every one says which part it is (<c>split.no</c>, from 0 on)
/// and how many there are (<c>split.count</c>); how many tensors there are together says <c>split.tensors.count</c>.
/// </summary>
internal static class GgufSplit
{
    /// <summary>Most parts of a model: those of the largest that are published are some dozens.</summary>
    public const int MaxParts = 1024;

    private const string NumberKey = "split.no";
    private const string CountKey = "split.count";
    private const string TensorsKey = "split.tensors.count";

    /// <summary>The paths of the other parts of the model whose first part is given, in order; none of a model that is not split.</summary>
    /// <param name="path">The first part.</param>
    /// <param name="first">What it says.</param>
    /// <exception cref="MalformedFileException">It is another part, has another's name, or says that there are too many.</exception>
    public static IReadOnlyList<string> OthersOf(string path, GgufMetadata first)
    {
        var count = CountOf(first);
        if (count == 1)
        {
            return [];
        }

        var name = GgufPartName.Parse(Path.GetFileName(path));
        var number = first.Integer(NumberKey) ?? throw GgufMetadata.Missing(NumberKey);
        if (number != 0)
        {
            throw new MalformedFileException($"the file is part {number + 1} of {count} parts of a model; name the first{(name is null ? "" : $", {MalformedFileException.Quote(name.Of(1))}")}");
        }

        return name is { Number: 1 } && name.Count == count
            ? [.. Enumerable.Range(2, count - 1).Select(other => Path.Combine(Path.GetDirectoryName(path) ?? "", name.Of(other)))]
            : throw new MalformedFileException($"the file is the first one of {count} parts of a model, and its name does not end in {new GgufPartName("", 1, count).Of(1)}: that of the others is not known");
    }

    /// <summary>The beginning of the whole: offsets of tensors count from the first part's beginning, as if the parts lay one behind the other.</summary>
    /// <param name="parts">Beginnings and sizes of the files.</param>
    /// <exception cref="MalformedFileException">They are not the parts of one model, in order.</exception>
    public static GgufHeader Join(IReadOnlyList<(GgufHeader Header, long FileBytes)> parts)
    {
        var (first, start) = (parts[0].Header, 0L);
        if (parts.Count == 1)
        {
            return first;
        }

        var tensors = new Dictionary<string, GgufTensor>(StringComparer.Ordinal);
        for (var i = 0; i < parts.Count; i++)
        {
            var (header, fileBytes) = parts[i];
            if (header.Metadata.Integer(NumberKey) != i || CountOf(header.Metadata) != parts.Count)
            {
                throw new MalformedFileException($"the file of part {i + 1} of {parts.Count} says that it is another");
            }

            foreach (var (name, tensor) in header.Tensors)
            {
                if (!tensors.TryAdd(name, tensor with { Offset = checked(start + tensor.Offset) }))
                {
                    throw new MalformedFileException($"tensor {MalformedFileException.Quote(name)} is in two parts");
                }
            }

            start = checked(start + fileBytes);
        }

        return first.Metadata.Integer(TensorsKey) is { } expected && expected != tensors.Count
            ? throw new MalformedFileException($"the parts have {tensors.Count} tensors together, and the first one says {expected}")
            : first with { Tensors = tensors };
    }

    private static int CountOf(GgufMetadata metadata) => (metadata.Integer(CountKey) ?? 1) is >= 1 and <= MaxParts and var count
        ? (int)count
        : throw new MalformedFileException($"{CountKey} is not from 1 to {MaxParts}");
}
