namespace Serving.Engine.Tests.Loading;

/// <summary>Changes bytes of a well-formed file at random, seeded: flips, cuts, doubled and moved stretches, and tokens that parsers stumble over.</summary>
internal sealed class Mutator(int seed)
{
    private static readonly string[] Tokens =
    [
        "\"", "{", "}", "[", "]", ",", ":", "null", "true", "-1", "0", "1e400", "9223372036854775807", "9223372036854775808", "18446744073709551615",
        "4294967296", "0.5", "NaN", "\\ud800", "\\u0000", "\"\"", "\"dtype\"", "\"F16\"", "\"F64\"", "[[[[[[[[[[", "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":",
        "(a+)+$", "(?=x)", "{999}{999}", "\\\\1", "..", "/", "\u00ff", "all-linear",
    ];

    private readonly Random _random = new(seed);

    /// <summary>A file with one to four changes within its first <paramref name="range"/> bytes.</summary>
    public byte[] Mutate(byte[] file, int range)
    {
        var bytes = new List<byte>(file);
        for (var changes = _random.Next(1, 5); changes > 0; changes--)
        {
            Change(bytes, Math.Min(range, bytes.Count));
        }

        return [.. bytes];
    }

    private void Change(List<byte> bytes, int range)
    {
        var at = _random.Next(range + 1);
        var length = Math.Min(_random.Next(1, 20), bytes.Count - at);
        switch (_random.Next(6))
        {
            case 0 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 1:
                bytes.RemoveRange(at, length);
                break;
            case 2:
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 3:
                bytes.InsertRange(at, System.Text.Encoding.UTF8.GetBytes(Tokens[_random.Next(Tokens.Length)]));
                break;
            case 4:
                var token = System.Text.Encoding.UTF8.GetBytes(Tokens[_random.Next(Tokens.Length)]);
                bytes.RemoveRange(at, Math.Min(token.Length, bytes.Count - at));
                bytes.InsertRange(at, token);
                break;
            case 5 when at < bytes.Count:
                bytes[at] = (byte)_random.Next(256);
                break;
        }
    }
}
