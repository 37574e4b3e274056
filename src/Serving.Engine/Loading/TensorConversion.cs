using System.Numerics;
using System.Runtime.InteropServices;
using Serving.Compute.Numerics;

namespace Serving.Engine.Loading;

/// <summary>Rounds the elements of a file to bf16, to nearest even. Safetensors are little-endian, as every supported machine is.</summary>
public static class TensorConversion
{
    private const ushort ExponentBits = 0x7F80;

    /// <summary>Converts as many elements as <paramref name="destination"/> holds.</summary>
    /// <returns>False when one of them is not finite as bf16: NaN, infinity, or too large.</returns>
    public static bool TryToBFloat16(TensorType type, ReadOnlySpan<byte> source, Span<ushort> destination)
    {
        switch (type)
        {
            case TensorType.BF16:
                MemoryMarshal.Cast<byte, ushort>(source)[..destination.Length].CopyTo(destination);
                break;
            case TensorType.F16:
                FromHalf(MemoryMarshal.Cast<byte, Half>(source), destination);
                break;
            case TensorType.F32:
                FromSingle(MemoryMarshal.Cast<byte, uint>(source), destination);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "not a loadable element type");
        }

        return AllFinite(destination);
    }

    /// <summary>Widens as many elements as <paramref name="destination"/> holds to fp32.</summary>
    /// <returns>False when one of them is not finite.</returns>
    public static bool TryToSingle(TensorType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (var i = 0; i < destination.Length; i++)
        {
            destination[i] = type switch
            {
                TensorType.BF16 => BFloat16Bits.ToSingle(MemoryMarshal.Cast<byte, ushort>(source)[i]),
                TensorType.F16 => (float)MemoryMarshal.Cast<byte, Half>(source)[i],
                TensorType.F32 => MemoryMarshal.Cast<byte, float>(source)[i],
                _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a loadable element type"),
            };
            if (!float.IsFinite(destination[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static void FromHalf(ReadOnlySpan<Half> source, Span<ushort> destination)
    {
        for (var i = 0; i < destination.Length; i++)
        {
            destination[i] = BFloat16Bits.FromSingle((float)source[i]);
        }
    }

    /// <summary>The same rounding as <see cref="BFloat16Bits.FromSingle"/> for everything finite; NaN may become infinity, which the scan finds as well.</summary>
    private static void FromSingle(ReadOnlySpan<uint> source, Span<ushort> destination)
    {
        var i = 0;
        for (; i <= destination.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            var low = Round(new Vector<uint>(source[i..]));
            var high = Round(new Vector<uint>(source[(i + Vector<uint>.Count)..]));
            Vector.Narrow(low, high).CopyTo(destination[i..]);
        }

        for (; i < destination.Length; i++)
        {
            destination[i] = BFloat16Bits.FromSingle(BitConverter.UInt32BitsToSingle(source[i]));
        }
    }

    private static Vector<uint> Round(Vector<uint> bits)
    {
        var odd = Vector.ShiftRightLogical(bits, 16) & Vector<uint>.One;
        var rounded = Vector.ShiftRightLogical(bits + new Vector<uint>(0x7FFF) + odd, 16);

        // A NaN whose upper half carries out of the exponent would turn into a zero: its own upper half is kept, and any NaN keeps a full exponent.
        var exponent = new Vector<uint>(0x7F800000);
        return Vector.ConditionalSelect(Vector.Equals(bits & exponent, exponent), Vector.ShiftRightLogical(bits, 16), rounded);
    }

    private static bool AllFinite(ReadOnlySpan<ushort> values)
    {
        var exponent = new Vector<ushort>(ExponentBits);
        var i = 0;
        for (; i <= values.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            if (Vector.EqualsAny(new Vector<ushort>(values[i..]) & exponent, exponent))
            {
                return false;
            }
        }

        for (; i < values.Length; i++)
        {
            if ((values[i] & ExponentBits) == ExponentBits)
            {
                return false;
            }
        }

        return true;
    }
}
