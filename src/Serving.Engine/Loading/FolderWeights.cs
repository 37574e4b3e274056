using Serving.Compute.Programs;
using Serving.Core.Memory;

namespace Serving.Engine.Loading;

/// <summary>The weights of a folder in Hugging Face's layout.</summary>
/// <param name="folder">The folder.</param>
/// <param name="scheme">How it keeps matrices that are quantized; null where none is.</param>
internal sealed class FolderWeights(ModelFolder folder, WeightScheme? scheme) : IWeightFiles
{
    private readonly Checkpoint _checkpoint = Checkpoint.Open(folder.Path);

    /// <inheritdoc/>
    public Func<WeightPart, RowSource> Match(ModelProgram program)
    {
        var map = TensorMap.Create(program, _checkpoint, scheme);
        return part => map[part];
    }

    /// <inheritdoc/>
    public Digest RevisionOf(WeightFormat format) => CheckpointRevision.Of(folder, _checkpoint, format);

    /// <inheritdoc/>
    public void Dispose() => _checkpoint.Dispose();
}
