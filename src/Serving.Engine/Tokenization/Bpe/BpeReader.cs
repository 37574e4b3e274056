using Serving.Engine.Tokenization.Format;

namespace Serving.Engine.Tokenization.Bpe;

/// <summary>Reads the <c>model</c> of a tokenizer.json; anything but BPE is refused by name.</summary>
internal static class BpeReader
{
    public static BpeModel Read(JsonView json)
    {
        var type = json.OptionalString("type") ?? "BPE";
        if (type != "BPE")
        {
            throw json.Fail($"the model {type} is not supported, only BPE");
        }

        if (json.TryGet("dropout", out var dropout) && dropout.IsNumber && !dropout.IsZero())
        {
            throw dropout.Fail("merge dropout is not supported");
        }

        var ids = ReadVocabulary(json.Get("vocab"));
        var prefix = Token(json, "continuing_subword_prefix");
        var merges = new MergeTable(ReadMerges(json.Get("merges"), ids, prefix.Length));
        var unknown = json.OptionalString("unk_token") is { } token ? ids.GetValueOrDefault(token, -1) : -1;
        var options = new BpeOptions(
            unknown,
            json.Bool("fuse_unk", false),
            json.Bool("byte_fallback", false),
            json.Bool("ignore_merges", false),
            prefix,
            Token(json, "end_of_word_suffix"));
        return new BpeModel(new BpeVocabulary(ids), merges, options);
    }

    private static string Token(JsonView json, string name) => json.TryGet(name, out var value) ? value.AsToken() : string.Empty;

    private static Dictionary<string, int> ReadVocabulary(JsonView json)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (token, id) in json.Members())
        {
            if (token.Length > TokenizerLimits.TokenChars)
            {
                throw json.Fail($"a token of {token.Length} characters is too long");
            }

            ids[token] = id.AsInt(TokenizerLimits.Ids);
            if (ids.Count > TokenizerLimits.Ids)
            {
                throw json.Fail($"more than {TokenizerLimits.Ids} tokens");
            }
        }

        return ids;
    }

    private static List<(int Left, int Right, int Result)> ReadMerges(JsonView json, Dictionary<string, int> ids, int prefixLength)
    {
        if (json.Count > TokenizerLimits.Merges)
        {
            throw json.Fail($"more than {TokenizerLimits.Merges} merges");
        }

        var rules = new List<(int, int, int)>(json.Count);
        var lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var item in json.Items())
        {
            var (left, right) = ReadPair(item);
            var merged = right.Length >= prefixLength ? string.Concat(left, right.AsSpan(prefixLength)) : throw item.Fail("the right side lacks the prefix");
            if (!lookup.TryGetValue(left, out var leftId) || !lookup.TryGetValue(right, out var rightId) || !lookup.TryGetValue(merged, out var result))
            {
                throw item.Fail($"merge {rules.Count} names a token that is not in the vocabulary");
            }

            rules.Add((leftId, rightId, result));
        }

        return rules;
    }

    private static (string Left, string Right) ReadPair(JsonView item)
    {
        if (item.IsString)
        {
            var text = item.AsString();
            var space = text.IndexOf(' ');
            return space >= 0 && text.IndexOf(' ', space + 1) < 0
                ? (text[..space], text[(space + 1)..])
                : throw item.Fail("a merge must be two tokens with one space between them");
        }

        if (!item.IsArray || item.Count != 2)
        {
            throw item.Fail("a merge must be a string or a pair of strings");
        }

        var pair = item.Items().ToArray();
        return (pair[0].AsString(), pair[1].AsString());
    }
}
