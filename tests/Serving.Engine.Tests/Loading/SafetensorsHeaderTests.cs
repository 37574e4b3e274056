using System.Buffers.Binary;
using System.Text;
using Serving.Engine.Loading;
using Serving.Engine.Models;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Loading;

public class SafetensorsHeaderTests
{
    [Fact]
    public void Parse_WellFormed_GivesEveryTensor()
    {
        const string Header = """{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"s":{"shape":[],"dtype":"U8","data_offsets":[28,29]},"e":{"dtype":"I64","shape":[0,7],"data_offsets":[28,28]}}   """;
        var header = Parse(Header, 29);
        Assert.Equal(["a", "b", "e", "s"], header.Tensors.Keys.Order());
        Assert.Equal([2L, 3L], header.Tensors["b"].Shape);
        Assert.Equal(6, header.Tensors["b"].Length);
        Assert.Equal(8 + Header.Length, header.DataOffset);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"a\":1}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} x")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}}")]
    [InlineData("{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,9223372036854775807,0],\"data_offsets\":[0,0]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[9223372036854775804,9223372036854775808]}}")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[1,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[1,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]}}")]
    [InlineData("{\"\\ud800\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}")]
    [InlineData("{\"__metadata__\":{\"a\":[[[[[[[[[[1]]]]]]]]]]},\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}")]
    public void Parse_Malformed_IsRefused(string header) => Assert.Throws<MalformedFileException>(() => Parse(header, 4));

    [Theory]
    [InlineData(0UL, 7)]
    [InlineData(100UL, 107)]
    [InlineData(100_000_001UL, 200_000_000)]
    [InlineData(ulong.MaxValue, 1000)]
    [InlineData(0x8000000000000000UL, 1000)]
    public void ReadLength_LongerThanTheFileOrTheLimit_IsRefused(ulong length, long fileBytes)
    {
        var prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, length);
        Assert.Throws<MalformedFileException>(() => SafetensorsHeader.ReadLength(prefix, fileBytes));
    }

    [Fact]
    public void Read_FileCutShortAfterOpening_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var path = folder.PathOf("a.safetensors");
        File.WriteAllBytes(path, new SafetensorsWriter().Add("a", "F32", [1024], new float[1024]).ToArray());
        using var reader = SafetensorsReader.Open(path);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(file.Length - 100);
        }

        Assert.Throws<MalformedFileException>(() => reader.Read(reader.Header.Tensors["a"], 0, new byte[4096], new ushort[1024]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("\uffff\uffff\uffff\uffff")]
    public void Open_NotSafetensors_IsRefused(string content)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.PathOf("a"), Encoding.Latin1.GetBytes(content));
        Assert.Throws<MalformedFileException>(() => SafetensorsReader.Open(folder.PathOf("a")));
    }

    private static SafetensorsHeader Parse(string text, long dataBytes)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return SafetensorsHeader.Parse(bytes, 8 + bytes.Length + dataBytes);
    }
}
