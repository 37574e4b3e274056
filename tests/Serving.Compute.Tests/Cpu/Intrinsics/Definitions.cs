using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Serving.Testing;

namespace Serving.Compute.Tests.Cpu.Intrinsics;

/// <summary>What each intrinsic that the kernels use gives, by Intel's Software Developer's Manual: lane by lane, in C# without vectors.</summary>
internal static class Definitions
{
    /// <summary>Sets the result, or the mask, of operands; the second argument is the immediate.</summary>
    public delegate void Definition(ref IntrinsicOperands operands, int immediate);

    /// <summary>By name, but for those that touch memory: <see cref="MemoryIntrinsicTests"/>.</summary>
    public static readonly IReadOnlyDictionary<string, Definition> ByName = new Dictionary<string, Definition>
    {
        ["_mm512_setzero_ps"] = Lanes((_, _, _, _) => 0),
        ["_mm512_set1_ps"] = (ref o, _) => Fill(ref o.Result, o.A[0]),
        ["_mm512_set1_epi32"] = (ref o, _) => Fill(ref o.Result, o.A[0]),
        ["_mm512_set1_epi8"] = (ref o, _) => Fill(ref o.Result, (o.A[0] & 0xFF) * 0x01010101),
        ["_mm512_broadcast_i32x4"] = (ref o, _) => Each(ref o, (in o, i) => o.A[i % 4]),
        ["_mm512_add_ps"] = Floats((f, a, b, _) => f.Add(a, b)),
        ["_mm512_sub_ps"] = Floats((f, a, b, _) => f.Add(a, -b)),
        ["_mm512_mul_ps"] = Floats((f, a, b, _) => f.Out(f.In(a) * f.In(b), (double)f.In(a) * f.In(b))),
        ["_mm512_div_ps"] = Floats((f, a, b, _) => f.Out(f.In(a) / f.In(b), (double)f.In(a) / f.In(b))),
        ["_mm512_fmadd_ps"] = Floats((f, a, b, c) => f.MultiplyAdd(a, b, c)),
        ["_mm512_max_ps"] = Lanes((f, a, b, _) => f.In(Single(a)) > f.In(Single(b)) ? Bits(f.In(Single(a))) : Flushed(f, b)),
        ["_mm512_min_ps"] = Lanes((f, a, b, _) => f.In(Single(a)) < f.In(Single(b)) ? Bits(f.In(Single(a))) : Flushed(f, b)),
        ["_mm512_roundscale_ps"] = (ref o, immediate) => Each(ref o, (in o, i) => Bits(Rounded(new Flush(o.Control == Flush.Flushing).In(Single(o.A[i])), (immediate & 4) != 0 ? 0 : immediate & 3))),
        ["_mm512_cvtps_epi32"] = Lanes((f, a, _, _) => ToInteger(f.In(Single(a)))),
        ["_mm512_cvtepi32_ps"] = Lanes((_, a, _, _) => Bits((int)a)),
        ["_mm512_cvtepu16_epi32"] = (ref o, _) => Each(ref o, (in o, i) => Words(o.A)[i]),
        ["_mm512_cvtepi8_epi32"] = (ref o, _) => Each(ref o, (in o, i) => (uint)(sbyte)Bytes(o.A)[i]),
        ["_mm512_cvtepi32_epi16"] = (ref o, _) => Each(ref o, (in o, i) => i < 8 ? (o.A[2 * i] & 0xFFFF) | o.A[(2 * i) + 1] << 16 : 0),
        ["_mm512_cvtsepi32_epi8"] = (ref o, _) => Each(ref o, (in o, i) => i < 4 ? Saturated(o.A[4 * i]) | Saturated(o.A[(4 * i) + 1]) << 8 | Saturated(o.A[(4 * i) + 2]) << 16 | Saturated(o.A[(4 * i) + 3]) << 24 : 0),
        ["_mm512_add_epi32"] = Lanes((_, a, b, _) => a + b),
        ["_mm512_and_si512"] = Lanes((_, a, b, _) => a & b),
        ["_mm512_or_si512"] = Lanes((_, a, b, _) => a | b),
        ["_mm512_slli_epi32"] = (ref o, immediate) => Each(ref o, (in o, i) => (uint)((ulong)o.A[i] << immediate)),
        ["_mm512_srli_epi32"] = (ref o, immediate) => Each(ref o, (in o, i) => (uint)((ulong)o.A[i] >> immediate)),
        ["_mm512_srli_epi16"] = (ref o, immediate) => Each(ref o, (in o, i) => (o.A[i] & 0xFFFF) >> immediate | (uint)((ulong)(o.A[i] >> 16) >> immediate) << 16),
        ["_mm512_shuffle_epi8"] = Shuffle,
        ["_mm512_mask_blend_ps"] = Blend,
        ["_mm512_mask_blend_epi32"] = Blend,
        ["_mm512_castps_si512"] = Lanes((_, a, _, _) => a),
        ["_mm512_castsi512_ps"] = Lanes((_, a, _, _) => a),
        ["_mm512_castps512_ps256"] = (ref o, _) => Each(ref o, (in o, i) => i < 8 ? o.A[i] : 0),
        ["_mm512_castsi256_si512"] = (ref o, _) => Each(ref o, (in o, i) => i < 8 ? o.A[i] : 0),  // the rest is not defined, and not looked at
        ["_mm512_inserti64x4"] = (ref o, immediate) => Each(ref o, (in o, i) => i / 8 == immediate ? o.B[i % 8] : o.A[i]),
        ["_mm512_extractf32x8_ps"] = (ref o, immediate) => Each(ref o, (in o, i) => i < 8 ? o.A[i + (8 * immediate)] : 0),
        ["_mm512_dpbusd_epi32"] = Lanes((_, a, b, c) => DotBytes(a, b, c)),
        ["_mm256_dpbusd_avx_epi32"] = (ref o, _) => Each(ref o, (in o, i) => i < 8 ? DotBytes(o.A[i], o.B[i], o.C[i]) : 0),
        ["_mm512_dpbf16_ps"] = Lanes((_, a, b, c) => DotPair(a, b, c)),
        ["_mm512_cmp_ps_mask"] = Compare,
    };

    private delegate uint Lane(in IntrinsicOperands operands, int lane);

    /// <summary>The bits of a float, and the float of bits.</summary>
    public static uint Bits(float x) => BitConverter.SingleToUInt32Bits(x);

    /// <summary>The float of bits.</summary>
    public static float Single(uint bits) => BitConverter.UInt32BitsToSingle(bits);

    /// <summary>The bytes of a register.</summary>
    public static ReadOnlySpan<byte> Bytes(in Register register) => MemoryMarshal.AsBytes(((ReadOnlySpan<uint>)register)[..]);

    private static ReadOnlySpan<ushort> Words(in Register register) => MemoryMarshal.Cast<uint, ushort>(((ReadOnlySpan<uint>)register)[..]);

    private static Definition Lanes(Func<Flush, uint, uint, uint, uint> of) =>
        (ref o, _) => Each(ref o, (in o, i) => of(new Flush(o.Control == Flush.Flushing), o.A[i], o.B[i], o.C[i]));

    private static Definition Floats(Func<Flush, float, float, float, float> of) => Lanes((f, a, b, c) => Bits(of(f, Single(a), Single(b), Single(c))));

    private static void Each(ref IntrinsicOperands operands, Lane lane)
    {
        for (var i = 0; i < 16; i++)
        {
            operands.Result[i] = lane(operands, i);
        }
    }

    private static void Fill(ref Register register, uint value) => ((Span<uint>)register).Fill(value);

    /// <summary>What MAXPS and MINPS give of their second operand: it, with a signalling NaN as it is.</summary>
    private static uint Flushed(Flush flush, uint bits) => (bits & 0x7F800000) == 0 ? Bits(flush.In(Single(bits))) : bits;

    private static float Rounded(float x, int how) => how switch { 0 => MathF.Round(x, MidpointRounding.ToEven), 1 => MathF.Floor(x), 2 => MathF.Ceiling(x), _ => MathF.Truncate(x) };

    private static uint ToInteger(float x)
    {
        var rounded = Math.Round((double)x, MidpointRounding.ToEven);
        return rounded is >= int.MinValue and <= int.MaxValue ? (uint)(int)rounded : 0x80000000;
    }

    private static uint Bits(int x) => Bits((float)x);

    private static uint Saturated(uint x) => (byte)Math.Clamp((int)x, sbyte.MinValue, sbyte.MaxValue);

    private static void Shuffle(ref IntrinsicOperands o, int immediate)
    {
        Span<byte> result = stackalloc byte[64];
        for (var i = 0; i < 64; i++)
        {
            var by = Bytes(o.B)[i];
            result[i] = by >= 128 ? (byte)0 : Bytes(o.A)[(i & 48) + (by & 15)];
        }

        for (var i = 0; i < 16; i++)
        {
            o.Result[i] = BinaryPrimitives.ReadUInt32LittleEndian(result[(4 * i)..]);
        }
    }

    private static void Blend(ref IntrinsicOperands o, int immediate) => Each(ref o, (in o, i) => (o.Mask >> i & 1) != 0 ? o.B[i] : o.A[i]);

    private static uint DotBytes(uint unsigned, uint signed, uint sum)
    {
        for (var i = 0; i < 32; i += 8)
        {
            sum += (uint)((byte)(unsigned >> i) * (sbyte)(signed >> i));
        }

        return sum;
    }

    /// <summary>Two fused multiply-adds that count denormals as zero, whatever MXCSR says: of the odd elements first.</summary>
    private static uint DotPair(uint a, uint b, uint sum)
    {
        var flush = new Flush(on: true);
        var odd = flush.MultiplyAdd(Single(a & 0xFFFF0000), Single(b & 0xFFFF0000), Single(sum));
        return Bits(flush.MultiplyAdd(Single(a << 16), Single(b << 16), odd));
    }

    /// <summary>Sixteen relations; with sixteen more a quiet NaN raises what it did not, or the other way round, which no mask shows.</summary>
    private static void Compare(ref IntrinsicOperands o, int immediate)
    {
        var flush = new Flush(o.Control == Flush.Flushing);
        uint mask = 0;
        for (var i = 0; i < 16; i++)
        {
            var (a, b) = (flush.In(Single(o.A[i])), flush.In(Single(o.B[i])));
            var unordered = float.IsNaN(a) || float.IsNaN(b);
            var holds = (immediate & 15) switch
            {
                0 => a == b,
                1 => a < b,
                2 => a <= b,
                3 => unordered,
                4 => unordered || a != b,
                5 => unordered || a >= b,
                6 => unordered || a > b,
                7 => !unordered,
                8 => unordered || a == b,
                9 => unordered || a < b,
                10 => unordered || a <= b,
                11 => false,
                12 => !unordered && a != b,
                13 => a >= b,
                14 => a > b,
                _ => true,
            };
            mask |= holds ? 1u << i : 0;
        }

        o.Mask = mask;
    }
}
