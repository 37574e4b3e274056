using Serving.Engine.Loading.Gguf.Blocks;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Gguf;

/// <summary>An element type of ggml, by the number that stands in files.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Name">ggml's name.</param>
internal sealed record GgufType(uint Number, string Name)
{
    private static readonly GgufType[] All =
    [
        new(0, "F32") { Float = TensorType.F32 },
        new(1, "F16") { Float = TensorType.F16 },
        new(30, "BF16") { Float = TensorType.BF16 },
        new(2, "Q4_0") { Blocks = new NibbleBlocks(hasFifthBit: false, hasMinimum: false, zero: 8) },
        new(3, "Q4_1") { Blocks = new NibbleBlocks(hasFifthBit: false, hasMinimum: true) },
        new(6, "Q5_0") { Blocks = new NibbleBlocks(hasFifthBit: true, hasMinimum: false, zero: 16) },
        new(7, "Q5_1") { Blocks = new NibbleBlocks(hasFifthBit: true, hasMinimum: true) },
        new(8, "Q8_0") { Blocks = new ByteBlocks() },
        new(10, "Q2_K") { Blocks = new TwoBitBlocks() },
        new(11, "Q3_K") { Blocks = new ThreeBitBlocks() },
        new(12, "Q4_K") { Blocks = new FourBitBlocks(hasFifthBit: false) },
        new(13, "Q5_K") { Blocks = new FourBitBlocks(hasFifthBit: true) },
        new(14, "Q6_K") { Blocks = new SixBitBlocks() },
        new(20, "IQ4_NL") { Blocks = new NibbleBlocks(hasFifthBit: false, hasMinimum: false, values: NibbleBlocks.NonLinearValues) },
        new(23, "IQ4_XS") { Blocks = new NonLinearBlocks() },
        new(16, "IQ2_XXS") { Blocks = new SharedSignBlocks(LatticeGrids.TwoBit256) },
        new(17, "IQ2_XS") { Blocks = new HalfGroupBlocks(hasOwnSigns: false) },
        new(22, "IQ2_S") { Blocks = new HalfGroupBlocks(hasOwnSigns: true) },
        new(18, "IQ3_XXS") { Blocks = new SharedSignBlocks(LatticeGrids.ThreeBit256) },
        new(21, "IQ3_S") { Blocks = new ThreeBitLatticeBlocks() },
        new(19, "IQ1_S") { Blocks = new OneBitLatticeBlocks(hasHalves: false) },
        new(29, "IQ1_M") { Blocks = new OneBitLatticeBlocks(hasHalves: true) },
        new(34, "TQ1_0") { Blocks = new TernaryBlocks(isPacked: true) },
        new(35, "TQ2_0") { Blocks = new TernaryBlocks(isPacked: false) },
        new(39, "MXFP4") { Blocks = new MicroscalingBlocks() },
        new(9, "Q8_1"), new(15, "Q8_K"), new(24, "I8"), new(25, "I16"), new(26, "I32"), new(27, "I64"), new(28, "F64"), new(40, "NVFP4"),
    ];

    private static readonly Dictionary<uint, GgufType> ByNumber = All.ToDictionary(type => type.Number);

    /// <summary>Its type where it is a float that can be rounded to bf16; null otherwise.</summary>
    public TensorType? Float { get; private init; }

    /// <summary>How its blocks are read; null where it has none, or they are not done.</summary>
    public BlockFormat? Blocks { get; private init; }

    /// <summary>Whether tensors of the type can be read.</summary>
    public bool IsReadable => Float is not null || Blocks is not null;

    /// <summary>Columns of a block; 1 for floats.</summary>
    public int BlockColumns => Blocks?.Columns ?? 1;

    /// <summary>Bytes of a block, or of a float.</summary>
    public int BlockBytes => Blocks?.Bytes ?? TensorTypes.SizeOf(Float!.Value);

    /// <summary>The names of all types that can be read.</summary>
    public static string Readable => string.Join(", ", All.Where(type => type.IsReadable).Select(type => type.Name));

    /// <summary>The type of a number in a file.</summary>
    /// <exception cref="MalformedFileException">ggml has none of that number.</exception>
    public static GgufType Of(uint number) => ByNumber.GetValueOrDefault(number) ?? throw new MalformedFileException($"there is no element type {number}");
}
