using Serving.Compute.Programs;
using Serving.Core.Memory;

namespace Serving.Engine.Loading;

/// <summary>The open files that hold a model's weights, whatever their format.</summary>
internal interface IWeightFiles : IDisposable
{
    /// <summary>Finds the rows of every part of a program, complete and checked before anything is loaded.</summary>
    /// <exception cref="Models.MalformedFileException">Tensors are missing, superfluous, or of the wrong shape or type.</exception>
    Func<WeightPart, RowSource> Match(ModelProgram program);

    /// <summary>The identity of the model whose matrices are kept in a format, at the root of every cached prefix (<see cref="CheckpointRevision"/>).</summary>
    Digest RevisionOf(WeightFormat format);
}
