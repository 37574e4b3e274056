using System.Runtime.InteropServices;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>How a file stretches the rotary embedding by a tensor: the frequencies' divisors, worked out by whoever converted a Llama 3.1 or 3.2.</summary>
internal static class GgufRope
{
    private const double Least = 1e-3;
    private const double Most = 1e6;

    /// <summary>The configuration with the file's divisors, if it has any.</summary>
    /// <exception cref="MalformedFileException">They are not one for each pair, out of range, or stretch what the metadata stretches already.</exception>
    public static ModelConfig Apply(ModelConfig config, GgufFile file)
    {
        if (!file.Header.Tensors.TryGetValue(GgufNames.RopeFactors, out var tensor))
        {
            return config;
        }

        tensor.Expect(config.Shape.HeadSize / 2);
        if (tensor.Type.Float != TensorType.F32 || config.Rope.Scaling is not DefaultRope)
        {
            throw new MalformedFileException($"'{GgufNames.RopeFactors}' that is not F32, or beside a scaling of another kind, is not supported");
        }

        var factors = new float[config.Shape.HeadSize / 2];
        file.Read(tensor.Offset, MemoryMarshal.AsBytes(factors.AsSpan()));
        return Array.TrueForAll(factors, factor => factor is >= (float)Least and <= (float)Most)
            ? config with { Rope = config.Rope with { Scaling = new PairRope([.. factors.Select(factor => (double)factor)]) } }
            : throw new MalformedFileException($"'{GgufNames.RopeFactors}' holds numbers out of range");
    }
}
