using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Serving.Compute.Managed.Lanes;

/// <summary>Four floats in a <see cref="Vector128{T}"/>.</summary>
internal readonly unsafe struct Lanes128 : ILanes<Vector128<float>>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <inheritdoc/>
    public static int Count => Vector128<float>.Count;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static void Store(Vector128<float> value, float* destination) => Vector128.Store(value, destination);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> LoadPairs(ushort* source) => Vector128.Load((float*)source);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> Lower(Vector128<float> pairs) => (pairs.AsUInt32() << 16).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> Upper(Vector128<float> pairs) => (pairs.AsUInt32() & Vector128.Create(0xFFFF0000u)).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) =>
        LaneMath.IsFused ? Vector128.FusedMultiplyAdd(a, b, c) : (a * b) + c;

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => Vector128.Max(a, b);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> Min(Vector128<float> a, Vector128<float> b) => Vector128.Min(a, b);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> ZeroBelow(Vector128<float> a, Vector128<float> test, Vector128<float> floor) =>
        Vector128.ConditionalSelect(Vector128.LessThan(test, floor), Vector128<float>.Zero, a);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> KeepFirst(Vector128<float> value, int count, Vector128<float> other) =>
        Vector128.ConditionalSelect(Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(count)).AsSingle(), value, other);

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> Round(Vector128<float> value)
    {
        var bits = value.AsUInt32();
        var nearest = bits + Vector128.Create(0x7FFFu) + ((bits >> 16) & Vector128<uint>.One);
        var quiet = bits | Vector128.Create(0x400000u);
        var chosen = Vector128.ConditionalSelect(Vector128.Equals(value, value).AsUInt32(), nearest, quiet);
        return (chosen & Vector128.Create(0xFFFF0000u)).AsSingle();
    }

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static Vector128<float> PowerOfTwo(Vector128<float> biased) =>
        ((biased.AsUInt32() << 23) + Vector128.Create(0x3F800000u)).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static float Sum(Vector128<float> value) => value.GetElement(0) + value.GetElement(2) + (value.GetElement(1) + value.GetElement(3));

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static float Largest(Vector128<float> value) => MathF.Max(MathF.Max(value.GetElement(0), value.GetElement(1)), MathF.Max(value.GetElement(2), value.GetElement(3)));

    /// <inheritdoc/>
    [MethodImpl(Inline)]
    public static float First(Vector128<float> value) => value.ToScalar();
}
