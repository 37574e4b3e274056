using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Serving.Engine.Tests.Tokenization;

/// <summary>Decoders over whole lists of tokens, as the Rust library writes them: what the streaming ones must equal.</summary>
internal static class NaiveDecoders
{
    public static string Decode(JsonNode? decoder, IEnumerable<string> tokens) =>
        decoder is null ? string.Join(' ', tokens) : string.Concat(Chain(decoder, [.. tokens]));

    private static List<string> Chain(JsonNode decoder, List<string> tokens) => (string)decoder["type"]! switch
    {
        "Sequence" => decoder["decoders"]!.AsArray().Aggregate(tokens, (list, item) => Chain(item!, list)),
        "ByteLevel" => [ByteLevel(tokens)],
        "ByteFallback" => ByteFallback(tokens),
        "Fuse" => [string.Concat(tokens)],
        "Strip" => [.. tokens.Select(token => Strip(token, (string)decoder["content"]!, (int)decoder["start"]!, (int)decoder["stop"]!))],
        "Replace" => [.. tokens.Select(token => Replace(decoder["pattern"]!, token, (string)decoder["content"]!))],
        "Metaspace" => [.. tokens.Select((token, i) => token.Replace("▁", i == 0 && (string)decoder["prepend_scheme"]! != "never" ? string.Empty : " ", StringComparison.Ordinal))],
        var other => throw new InvalidOperationException(other),
    };

    private static string Replace(JsonNode pattern, string token, string content) =>
        pattern["String"] is { } literal ? token.Replace((string)literal!, content, StringComparison.Ordinal) : Regex.Replace(token, (string)pattern["Regex"]!, content);

    private static string ByteLevel(List<string> tokens)
    {
        var printable = Enumerable.Range(0, 256).Where(value => value is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255)).ToList();
        var others = Enumerable.Range(0, 256).Except(printable).ToList();
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            var values = token.Select(c => printable.Contains(c) ? c : c >= 256 && c - 256 < others.Count ? others[c - 256] : -1).ToList();
            bytes.AddRange(values.Contains(-1) ? Encoding.UTF8.GetBytes(token) : values.Select(value => (byte)value));
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    private static List<string> ByteFallback(List<string> tokens)
    {
        List<string> result = [];
        List<byte> run = [];
        foreach (var token in tokens.Append(null))
        {
            if (token is { Length: 6 } && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
                && byte.TryParse(token[3..5], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            {
                run.Add(value);
                continue;
            }

            if (run.Count > 0)
            {
                var text = Encoding.UTF8.GetString([.. run]);
                result.AddRange(Encoding.UTF8.GetBytes(text).SequenceEqual(run) ? [text] : Enumerable.Repeat("\uFFFD", run.Count));
                run.Clear();
            }

            if (token is not null)
            {
                result.Add(token);
            }
        }

        return result;
    }

    private static string Strip(string token, string content, int start, int stop)
    {
        for (; start > 0 && token.StartsWith(content, StringComparison.Ordinal); start--)
        {
            token = token[1..];
        }

        for (; stop > 0 && token.EndsWith(content, StringComparison.Ordinal); stop--)
        {
            token = token[..^1];
        }

        return token;
    }
}
