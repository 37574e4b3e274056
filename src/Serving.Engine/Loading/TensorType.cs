namespace Serving.Engine.Loading;

/// <summary>Element types of the safetensors format. Only the three float types that round to bf16 can be loaded; the others are known by their size.</summary>
public enum TensorType
{
    /// <summary>bfloat16.</summary>
    BF16,

    /// <summary>IEEE half.</summary>
    F16,

    /// <summary>IEEE single.</summary>
    F32,

    /// <summary>IEEE double.</summary>
    F64,

    /// <summary>8-bit float, 5-bit exponent.</summary>
    F8_E5M2,

    /// <summary>8-bit float, 4-bit exponent.</summary>
    F8_E4M3,

    /// <summary>8-bit power of two.</summary>
    F8_E8M0,

    /// <summary>One byte per truth value.</summary>
    BOOL,

    /// <summary>Unsigned byte.</summary>
    U8,

    /// <summary>Signed byte.</summary>
    I8,

    /// <summary>Unsigned 16-bit.</summary>
    U16,

    /// <summary>Signed 16-bit.</summary>
    I16,

    /// <summary>Unsigned 32-bit.</summary>
    U32,

    /// <summary>Signed 32-bit.</summary>
    I32,

    /// <summary>Unsigned 64-bit.</summary>
    U64,

    /// <summary>Signed 64-bit.</summary>
    I64,
}

/// <summary>Sizes of the element types.</summary>
public static class TensorTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int SizeOf(TensorType type) => type switch
    {
        TensorType.F64 or TensorType.U64 or TensorType.I64 => 8,
        TensorType.F32 or TensorType.U32 or TensorType.I32 => 4,
        TensorType.BF16 or TensorType.F16 or TensorType.U16 or TensorType.I16 => 2,
        _ => 1,
    };

    /// <summary>Whether elements can be rounded to bf16 at load.</summary>
    public static bool IsLoadable(TensorType type) => type is TensorType.BF16 or TensorType.F16 or TensorType.F32;

    /// <summary>The type of a name in a header, exactly as the format writes it.</summary>
    public static bool TryParse(ReadOnlySpan<byte> name, out TensorType type)
    {
        foreach (var candidate in Enum.GetValues<TensorType>())
        {
            if (System.Text.Ascii.Equals(name, candidate.ToString()))
            {
                type = candidate;
                return true;
            }
        }

        type = default;
        return false;
    }
}
