namespace Serving.Benchmarks.Cuda;

/// <summary>One measured figure.</summary>
/// <param name="Key">What other programs find it by.</param>
/// <param name="Measure">What was measured.</param>
/// <param name="Figure">The figure.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Bar">What it has to reach; null where it only informs.</param>
/// <param name="Limit">What the device could do at best, evaluated.</param>
internal sealed record BenchmarkRow(string Key, string Measure, double Figure, string Unit, Bar? Bar, string Limit);

/// <summary>What a figure has to reach.</summary>
/// <param name="IsFloor">The figure may not be below the value; otherwise not above it.</param>
/// <param name="Value">The value, in the figure's unit.</param>
internal readonly record struct Bar(bool IsFloor, double Value)
{
    /// <summary>Not below a value.</summary>
    public static Bar AtLeast(double value) => new(true, value);

    /// <summary>Not above a value.</summary>
    public static Bar AtMost(double value) => new(false, value);

    /// <summary>Whether a figure reaches it.</summary>
    public bool IsReachedBy(double figure) => IsFloor ? figure >= Value : figure <= Value;

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{(IsFloor ? ">=" : "<=")} {Value}");
}
