using System.Text.RegularExpressions;

namespace Serving.Compute.Tests.Cuda;

/// <summary>A field of a struct of native/cuda/params.h.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Offset">Bytes from the struct's start.</param>
/// <param name="Bytes">Its size.</param>
internal sealed record HeaderField(string Name, int Offset, int Bytes);

/// <summary>A struct of native/cuda/params.h.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Alignment">Its alignment.</param>
/// <param name="Fields">Its fields in order.</param>
internal sealed record HeaderStruct(string Name, int Bytes, int Alignment, IReadOnlyList<HeaderField> Fields);

/// <summary>
/// Reads the structs and constants of native/cuda/params.h as a C compiler lays them out on x86-64: the header's rule is that fields are ints, floats, addresses
/// or structs declared before.
/// </summary>
internal sealed partial class ParameterHeader
{
    private readonly Dictionary<string, (int Bytes, int Alignment)> _types = new()
    {
        ["int"] = (4, 4),
        ["unsigned"] = (4, 4),
        ["unsigned short"] = (2, 2),
        ["float"] = (4, 4),
        ["srv_address"] = (8, 8),
        ["unsigned long long"] = (8, 8),
    };

    private readonly Dictionary<string, int> _constants = [];
    private readonly List<HeaderStruct> _structs = [];

    private ParameterHeader()
    {
    }

    /// <summary>The structs in order.</summary>
    public IReadOnlyList<HeaderStruct> Structs => _structs;

    /// <summary>Constants whose value is a plain number.</summary>
    public IReadOnlyDictionary<string, int> Constants => _constants;

    /// <summary>Reads the header's text.</summary>
    public static ParameterHeader Parse(string text)
    {
        var header = new ParameterHeader();
        var code = Comment().Replace(text, " ");
        foreach (Match constant in Constant().Matches(code))
        {
            header._constants[constant.Groups[1].Value] = int.Parse(constant.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture);
        }

        foreach (Match definition in Struct().Matches(code))
        {
            header.Add(definition.Groups[1].Value, definition.Groups[2].Value);
        }

        return header;
    }

    private void Add(string name, string body)
    {
        var fields = new List<HeaderField>();
        var (offset, alignment) = (0, 1);
        foreach (var declaration in body.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var type = _types.Keys.Where(key => Regex.IsMatch(declaration, $@"^{key}\s")).MaxBy(key => key.Length)
                ?? throw new FormatException($"{name}: '{declaration}' is of no known type");
            var (bytes, align) = _types[type];
            alignment = Math.Max(alignment, align);
            foreach (var field in declaration[type.Length..].Split(',', StringSplitOptions.TrimEntries))
            {
                var (fieldName, count) = Count(field);
                Assert.True(offset % align == 0, $"{name}.{fieldName} has padding before it");
                fields.Add(new HeaderField(fieldName, offset, bytes * count));
                offset += bytes * count;
            }
        }

        Assert.True(offset % alignment == 0, $"{name} has padding at its end");
        _types[name] = (offset, alignment);
        _structs.Add(new HeaderStruct(name, offset, alignment, fields));
    }

    private (string Name, int Count) Count(string field)
    {
        var match = Array().Match(field);
        if (!match.Success)
        {
            return (field, 1);
        }

        var length = match.Groups[2].Value;
        return (match.Groups[1].Value, _constants.TryGetValue(length, out var constant) ? constant : int.Parse(length, System.Globalization.CultureInfo.InvariantCulture));
    }

    [GeneratedRegex(@"/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"\b(SRV_[A-Z0-9_]+)\s*=\s*(\d+)\s*[,}\s]")]
    private static partial Regex Constant();

    [GeneratedRegex(@"typedef struct (\w+) \{(.*?)\}", RegexOptions.Singleline)]
    private static partial Regex Struct();

    [GeneratedRegex(@"^(\w+)\[(\w+)\]$")]
    private static partial Regex Array();
}
