using System.Buffers.Binary;
using Serving.Testing;

namespace Serving.Engine.Tests.Demo;

/// <summary>Rows of the bundled model's matrices, read from its file by the format's rules alone.</summary>
internal static class DemoMatrix
{
    /// <summary>Some rows of a bf16 matrix.</summary>
    public static IReadOnlyList<float[]> Rows(string tensor, int columns, IReadOnlyList<int> rows)
    {
        var bytes = File.ReadAllBytes(Path.Combine(Repository.DemoModel, "model.safetensors"));
        var start = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        using var header = System.Text.Json.JsonDocument.Parse(bytes.AsMemory(8, start - 8));
        var entry = header.RootElement.GetProperty(tensor);
        Assert.Equal("BF16", entry.GetProperty("dtype").GetString());
        var first = start + entry.GetProperty("data_offsets")[0].GetInt32();
        return [.. rows.Select(row => Enumerable.Range(0, columns).Select(i => Element(bytes, first + (2 * ((row * columns) + i)))).ToArray())];
    }

    private static float Element(byte[] bytes, int at) => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at)) << 16);
}
