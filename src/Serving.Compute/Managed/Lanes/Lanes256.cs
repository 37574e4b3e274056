using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Serving.Compute.Managed.Lanes;

/// <summary>Eight floats in a <see cref="Vector256{T}"/>.</summary>
internal readonly unsafe struct Lanes256 : ILanes<Vector256<float>>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <inheritdoc/>
    public static int Count => Vector256<float>.Count;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static void Store(Vector256<float> value, float* destination) => Vector256.Store(value, destination);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> LoadPairs(ushort* source) => Vector256.Load((float*)source);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> Lower(Vector256<float> pairs) => (pairs.AsUInt32() << 16).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> Upper(Vector256<float> pairs) => (pairs.AsUInt32() & Vector256.Create(0xFFFF0000u)).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) =>
        LaneMath.IsFused ? Vector256.FusedMultiplyAdd(a, b, c) : (a * b) + c;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.Max(a, b);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.Min(a, b);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> ZeroBelow(Vector256<float> a, Vector256<float> test, Vector256<float> floor) =>
        Vector256.ConditionalSelect(Vector256.LessThan(test, floor), Vector256<float>.Zero, a);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> KeepFirst(Vector256<float> value, int count, Vector256<float> other) =>
        Vector256.ConditionalSelect(Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle(), value, other);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> Round(Vector256<float> value)
    {
        var bits = value.AsUInt32();
        var nearest = bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256<uint>.One);
        var quiet = bits | Vector256.Create(0x400000u);
        var chosen = Vector256.ConditionalSelect(Vector256.Equals(value, value).AsUInt32(), nearest, quiet);
        return (chosen & Vector256.Create(0xFFFF0000u)).AsSingle();
    }

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector256<float> PowerOfTwo(Vector256<float> biased) =>
        ((biased.AsUInt32() << 23) + Vector256.Create(0x3F800000u)).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static float Sum(Vector256<float> value) => Lanes128.Sum(value.GetLower() + value.GetUpper());

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static float Largest(Vector256<float> value) => Lanes128.Largest(Vector128.Max(value.GetLower(), value.GetUpper()));

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static float First(Vector256<float> value) => value.ToScalar();
}
