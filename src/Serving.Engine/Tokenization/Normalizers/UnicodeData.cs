using System.Globalization;

namespace Serving.Engine.Tokenization.Normalizers;

/// <summary>
/// The tables of Unicode normalization, from the embedded <c>Data/unicode.txt</c>. The runtime's own normalization does nothing where
/// globalization is invariant, and its results elsewhere depend on the machine's ICU.
/// </summary>
internal sealed class UnicodeData
{
    /// <summary>The first combining mark; what lies below is a starter and never the second part of a composite.</summary>
    private const int FirstMark = 0x300;

    private static readonly Lazy<UnicodeData> Loaded = new(() => new UnicodeData());

    private readonly Dictionary<int, byte> _classes = [];
    private readonly Dictionary<int, int[]> _canonical = [];
    private readonly Dictionary<int, int[]> _compatible = [];
    private readonly Dictionary<(int First, int Second), int> _composed = [];

    private UnicodeData()
    {
        using var stream = typeof(UnicodeData).Assembly.GetManifestResourceStream("Serving.Engine.Tokenization.unicode.txt")!;
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            Read(line.Split(' '));
        }
    }

    public static UnicodeData Instance => Loaded.Value;

    /// <summary>The canonical combining class; 0 for a starter.</summary>
    public byte ClassOf(int code) => code < FirstMark ? (byte)0 : _classes.GetValueOrDefault(code);

    /// <summary>One step of decomposition, or null; compatibility mappings only where asked for.</summary>
    public int[]? Decomposition(int code, bool compatible) =>
        _canonical.TryGetValue(code, out var parts) || (compatible && _compatible.TryGetValue(code, out parts)) ? parts : null;

    /// <summary>The primary composite of two characters, or -1.</summary>
    public int Compose(int first, int second) => second >= FirstMark && _composed.TryGetValue((first, second), out var code) ? code : -1;

    private void Read(string[] fields)
    {
        if (fields[0] == "#")
        {
            return;
        }

        if (fields[0] == "c")
        {
            for (var code = Hex(fields[1]); code <= Hex(fields[2]); code++)
            {
                _classes[code] = byte.Parse(fields[3], CultureInfo.InvariantCulture);
            }

            return;
        }

        int[] parts = [.. fields.Skip(2).Select(Hex)];
        (fields[0] == "k" ? _compatible : _canonical)[Hex(fields[1])] = parts;
        if (fields[0] == "=")
        {
            _composed[(parts[0], parts[1])] = Hex(fields[1]);
        }
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
