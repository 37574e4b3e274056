using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Serving.Compute.Managed.Lanes;

/// <summary>Sixteen floats in a <see cref="Vector512{T}"/>.</summary>
internal readonly unsafe struct Lanes512 : ILanes<Vector512<float>>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <inheritdoc/>
    public static int Count => Vector512<float>.Count;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static void Store(Vector512<float> value, float* destination) => Vector512.Store(value, destination);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> LoadPairs(ushort* source) => Vector512.Load((float*)source);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> Lower(Vector512<float> pairs) => (pairs.AsUInt32() << 16).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> Upper(Vector512<float> pairs) => (pairs.AsUInt32() & Vector512.Create(0xFFFF0000u)).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) =>
        LaneMath.IsFused ? Vector512.FusedMultiplyAdd(a, b, c) : (a * b) + c;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.Max(a, b);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Vector512.Min(a, b);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> ZeroBelow(Vector512<float> a, Vector512<float> test, Vector512<float> floor) =>
        Vector512.ConditionalSelect(Vector512.LessThan(test, floor), Vector512<float>.Zero, a);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> KeepFirst(Vector512<float> value, int count, Vector512<float> other) =>
        Vector512.ConditionalSelect(Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle(), value, other);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> Round(Vector512<float> value)
    {
        var bits = value.AsUInt32();
        var nearest = bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One);
        var quiet = bits | Vector512.Create(0x400000u);
        var chosen = Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), nearest, quiet);
        return (chosen & Vector512.Create(0xFFFF0000u)).AsSingle();
    }

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector512<float> PowerOfTwo(Vector512<float> biased) =>
        ((biased.AsUInt32() << 23) + Vector512.Create(0x3F800000u)).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static float Sum(Vector512<float> value) => Lanes256.Sum(value.GetLower() + value.GetUpper());

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static float Largest(Vector512<float> value) => Lanes256.Largest(Vector256.Max(value.GetLower(), value.GetUpper()));

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static float First(Vector512<float> value) => value.ToScalar();
}
