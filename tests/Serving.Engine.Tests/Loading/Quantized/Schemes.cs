namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>The published schemes that are tested, by name.</summary>
internal static class Schemes
{
    private static readonly Func<SchemeEncoder>[] Makers =
    [
        () => new Float8Encoder("qwen", "F32"),
        () => new Float8Encoder("qwen", "BF16"),
        () => new Float8Encoder("autofp8", "F32"),
        () => new Float8Encoder("ministral", "BF16"),
        () => new Float8Encoder("fbgemm", "F32"),
        () => new Float8Encoder("tensor", "BF16"),
        () => new Float8Encoder("channel", "F32"),
        () => new Float8Encoder("channel", "BF16"),
        () => new Float8Encoder("block", "BF16"),
        () => new CompressedIntegerEncoder(8, 0, "BF16", packed: false),
        () => new CompressedIntegerEncoder(8, 0, "F32", symmetric: false, packed: false),
        () => new CompressedIntegerEncoder(8, 0, "BF16"),
        () => new CompressedIntegerEncoder(8, 32, "F16", symmetric: false),
        () => new CompressedIntegerEncoder(4, 32, "BF16"),
        () => new CompressedIntegerEncoder(4, 32, "F16", symmetric: false),
        () => new CompressedIntegerEncoder(4, 16, "BF16", ordered: true),
        () => new CompressedIntegerEncoder(4, 0, "BF16", symmetric: false),
        () => new TransposedEncoder("gptq", 4, 32, symmetric: true),
        () => new TransposedEncoder("gptq", 4, 32, symmetric: false, ordered: true),
        () => new TransposedEncoder("gptq", 8, -1, symmetric: true),
        () => new TransposedEncoder("gptq_v2", 4, 32, symmetric: false),
        () => new TransposedEncoder("awq", 4, 32, symmetric: false),
        () => new TransposedEncoder("awq", 4, -1, symmetric: false),
        () => new BitsAndBytesEncoder("nf4"),
        () => new BitsAndBytesEncoder("nf4", nested: true),
        () => new BitsAndBytesEncoder("fp4", nested: true, blockSize: 128),
        () => new BitsAndBytesEncoder("int8"),
        () => new Mxfp4Encoder(),
    ];

    /// <summary>All names.</summary>
    public static TheoryData<string> Names => [.. Makers.Select(make => make().ToString())];

    /// <summary>A new encoder.</summary>
    public static SchemeEncoder Make(string name) => Makers.Select(make => make()).Single(encoder => encoder.ToString() == name);
}
