using System.Text.Json.Nodes;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading.Quantized;

/// <summary>
/// Packs a matrix as the writers of a published scheme do, from the scheme's own definition: independent of the readers under test, which unpack. Rounding is plain (nearest code of
/// the largest magnitude's scale); what counts is what the codes stand for.
/// </summary>
internal abstract class SchemeEncoder
{
    private readonly List<(string Name, string Type, long[] Shape, byte[] Bytes)> _tensors = [];

    /// <summary>What <c>quantization_config</c> says.</summary>
    public abstract JsonObject Config { get; }

    /// <summary>The tensors of everything encoded so far.</summary>
    public IReadOnlyList<(string Name, string Type, long[] Shape, byte[] Bytes)> Tensors => _tensors;

    /// <summary>Encodes a module's matrix.</summary>
    /// <returns>What the codes and scales stand for, in fp32.</returns>
    public abstract float[] Encode(string module, float[] values, int rows, int columns);

    /// <summary>Adds a tensor of floats.</summary>
    protected void Add(string name, string type, long[] shape, params float[] values) => _tensors.Add((name, type, shape, SafetensorsWriter.BytesOf(type, values).ToArray()));

    /// <summary>Adds a tensor of bytes.</summary>
    protected void Add(string name, string type, long[] shape, byte[] values) => _tensors.Add((name, type, shape, values));

    /// <summary>Adds a tensor of 32-bit words.</summary>
    protected void Add(string name, long[] shape, uint[] words) => Add(name, "I32", shape, [.. words.SelectMany(BitConverter.GetBytes)]);

    /// <summary>The largest magnitude of a stretch of a matrix.</summary>
    protected static float Largest(float[] values, int columns, int firstRow, int rows, int firstColumn, int count)
    {
        var largest = 0f;
        for (var row = firstRow; row < Math.Min(firstRow + rows, values.Length / columns); row++)
        {
            for (var column = firstColumn; column < Math.Min(firstColumn + count, columns); column++)
            {
                largest = Math.Max(largest, Math.Abs(values[(row * columns) + column]));
            }
        }

        return largest;
    }

    /// <summary>Rounded to a float of fewer bits, as the file will have it.</summary>
    protected static float Stored(string type, float value) => type switch
    {
        "F16" => (float)(Half)value,
        "BF16" => Compute.Numerics.BFloat16Bits.Round(value),
        _ => value,
    };

    /// <summary>A published name for tests' output.</summary>
    public override string ToString() => GetType().Name;
}
