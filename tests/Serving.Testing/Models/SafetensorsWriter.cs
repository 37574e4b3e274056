using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Serving.Testing.Models;

/// <summary>Makes well-formed safetensors files: tensors of floats, stored as BF16 (cut, so give values that bf16 holds), F16 or F32.</summary>
public sealed class SafetensorsWriter
{
    private readonly Dictionary<string, object> _header = new() { ["__metadata__"] = new Dictionary<string, string> { ["format"] = "pt" } };
    private readonly MemoryStream _data = new();

    /// <summary>Adds a tensor of floats.</summary>
    public SafetensorsWriter Add(string name, string dtype, long[] shape, ReadOnlySpan<float> values) => AddBytes(name, dtype, shape, BytesOf(dtype, values));

    /// <summary>Adds a tensor of any element type.</summary>
    public SafetensorsWriter AddBytes(string name, string dtype, long[] shape, ReadOnlySpan<byte> bytes)
    {
        var begin = _data.Length;
        _data.Write(bytes);
        _header.Add(name, new { dtype, shape, data_offsets = new[] { begin, _data.Length } });
        return this;
    }

    /// <summary>The file's bytes.</summary>
    public byte[] ToArray()
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(_header);
        var header = new byte[(json.Length + 7) / 8 * 8];
        header.AsSpan().Fill((byte)' ');
        json.CopyTo(header, 0);
        var file = new byte[8 + header.Length + _data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(file, header.Length);
        header.CopyTo(file, 8);
        _data.GetBuffer().AsSpan(0, (int)_data.Length).CopyTo(file.AsSpan(8 + header.Length));
        return file;
    }

    /// <summary>Floats as a file has them.</summary>
    public static ReadOnlySpan<byte> BytesOf(string dtype, ReadOnlySpan<float> values)
    {
        if (dtype == "F32")
        {
            return MemoryMarshal.AsBytes(values);
        }

        var elements = new ushort[values.Length];
        for (var i = 0; i < elements.Length; i++)
        {
            elements[i] = dtype == "F16"
                ? BitConverter.HalfToUInt16Bits((Half)values[i])
                : (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 16);
        }

        return MemoryMarshal.AsBytes<ushort>(elements);
    }
}
