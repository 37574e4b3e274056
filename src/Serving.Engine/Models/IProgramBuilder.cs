using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>One model family: how its config is read and what list of operations it is.</summary>
public interface IProgramBuilder
{
    /// <summary>The name under <c>architectures</c> in <c>config.json</c>.</summary>
    string Architecture { get; }

    /// <summary>Reads the family's config.</summary>
    /// <exception cref="MalformedFileException">A key is missing, out of range or not supported.</exception>
    ModelConfig ReadConfig(JsonFields fields);

    /// <summary>Builds the program for sequences of up to <paramref name="positions"/> positions.</summary>
    ModelProgram Build(string name, ModelConfig config, int positions);
}
