using Serving.Engine.Models;

namespace Serving.Engine.Loading;

/// <summary>The tensors of one module of a checkpoint, by what stands behind its name; what is asked for counts as used.</summary>
internal sealed class ModuleTensors(Checkpoint checkpoint, string module, ISet<string> used)
{
    /// <summary>The module's name, for messages.</summary>
    public string Name => module;

    /// <summary>Its parameter that is asked for.</summary>
    public string Parameter { get; init; } = "weight";

    /// <summary>Matrices of so many experts that the parameter holds.</summary>
    public int Experts { get; init; } = 1;

    /// <summary>A tensor that may be there.</summary>
    public StoredTensor? Find(string suffix)
    {
        var name = $"{module}.{suffix}";
        if (!checkpoint.TryGet(name, out var reader, out var entry))
        {
            return null;
        }

        used.Add(name);
        return new StoredTensor(reader, entry);
    }

    /// <summary>A tensor that has to be there.</summary>
    /// <exception cref="MalformedFileException">It is missing.</exception>
    public StoredTensor Get(string suffix) =>
        Find(suffix) ?? throw new MalformedFileException($"the checkpoint has no tensor {MalformedFileException.Quote($"{module}.{suffix}")}");
}
