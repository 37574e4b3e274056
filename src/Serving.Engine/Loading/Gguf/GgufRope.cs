using System.Runtime.InteropServices;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>How a file stretches the rotary embedding by tensors: the frequencies' divisors, worked out by whoever converted a Llama 3.1 or 3.2, or those of LongRoPE.</summary>
internal static class GgufRope
{
    private const double Least = 1e-3;
    private const double Most = 1e6;

    /// <summary>The configuration with the file's divisors, if it has any.</summary>
    /// <exception cref="MalformedFileException">They are not one for each pair, out of range, or stretch what the metadata stretches already.</exception>
    public static ModelConfig Apply(ModelConfig config, GgufFile file)
    {
        var tensors = file.Header.Tensors;
        if (!tensors.Keys.Any(GgufNames.IsRope))
        {
            return config;
        }

        if (config.Rope.Scaling is not DefaultRope)
        {
            throw new MalformedFileException("divisors of frequencies beside a scaling of another kind are not supported");
        }

        var pairs = (config.RotatedSize ?? config.Shape.HeadSize) / 2;
        var (factors, longer, shorter) = (Find(GgufNames.RopeFactors), Find(GgufNames.LongFactors), Find(GgufNames.ShortFactors));
        return (factors, longer, shorter) switch
        {
            ({ } all, null, null) => With(new PairRope(all)),
            (null, { } far, { } near) => With(LongRopeOf(far, near)),
            _ => throw new MalformedFileException($"'{GgufNames.LongFactors}' and '{GgufNames.ShortFactors}' are not there together and alone"),
        };

        ModelConfig With(RopeScaling scaling) => config with { Rope = config.Rope with { Scaling = scaling } };

        IReadOnlyList<double>? Find(string name) => tensors.TryGetValue(name, out var tensor) ? Read(file, tensor, pairs) : null;

        LongRope LongRopeOf(IReadOnlyList<double> far, IReadOnlyList<double> near)
        {
            var (metadata, family) = (file.Header.Metadata, file.Header.Metadata.Text("general.architecture"));
            var (originalKey, amplitudeKey) = ($"{family}.{GgufConfig.OriginalLength}", $"{family}.{GgufConfig.AttentionFactor}");
            var original = metadata.Integer(originalKey) ?? config.MaxPositions;
            var amplitude = metadata.Number(amplitudeKey) ?? 1;
            return original is >= 2 and <= ModelConfig.MaxPositionsLimit && amplitude is >= Least and <= Most
                ? new LongRope(near, far, (int)original, amplitude)
                : throw new MalformedFileException($"{originalKey} or {amplitudeKey} is out of range");
        }
    }

    private static IReadOnlyList<double> Read(GgufFile file, GgufTensor tensor, int pairs)
    {
        tensor.Expect(pairs);
        if (tensor.Type.Float != TensorType.F32)
        {
            throw new MalformedFileException($"'{tensor.Name}' that is not F32 is not supported");
        }

        var factors = new float[pairs];
        file.Read(tensor.Offset, MemoryMarshal.AsBytes(factors.AsSpan()));
        return Array.TrueForAll(factors, factor => factor is >= (float)Least and <= (float)Most)
            ? [.. factors.Select(factor => (double)factor)]
            : throw new MalformedFileException($"'{tensor.Name}' holds numbers out of range");
    }
}
