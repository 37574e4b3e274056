using System.Text;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Tests.Tokenization.AddedTokens;

public sealed class AddedTokenTests
{
    [Theory]
    [InlineData("\"single_word\":true", "a<t>b <t> <t>.", "a,<,t,>,b, ,100, ,100,.")]
    [InlineData("\"single_word\":true", "<t>", "100")]
    [InlineData("\"lstrip\":true", "a  <t> b", "a,100, ,b")]
    [InlineData("\"rstrip\":true", "a <t>  <t> b", "a, ,100,100,b")]
    [InlineData("\"lstrip\":true,\"rstrip\":true", " <t>  <t> ", "100,100")]
    public void EncodeToIds_FlagsOfAToken_AreKept(string flags, string text, string expected) =>
        Assert.Equal(expected, Show(Build($$"""{"id":100,"content":"<t>","normalized":false,{{flags}}}"""), text));

    [Fact]
    public void EncodeToIds_TokensThatBeginAlike_TakesTheLongest() =>
        Assert.Equal("101,100,<,t", Show(Build("""{"id":100,"content":"<t>"},{"id":101,"content":"<t><t>"}"""), "<t><t><t><t"));

    [Fact]
    public void EncodeToIds_NormalizedToken_IsFoundInNormalizedTextOnly()
    {
        var tokenizer = Build("""{"id":100,"content":"T","normalized":true},{"id":101,"content":"B","normalized":false}""", """{"type":"Lowercase"}""");
        Assert.Equal("100,100,b,101", Show(tokenizer, "tTbB"));
    }

    [Fact]
    public void Parse_TokensOfTheConfig_AreAdded()
    {
        var config = """{"bos_token":{"content":"<s>"},"eos_token":"b","added_tokens_decoder":{"102":{"content":"<s>","special":true}}}""";
        var tokenizer = Tokenizer.Parse(Encoding.UTF8.GetBytes(Json("""{"id":100,"content":"<t>"}""", "null")), Encoding.UTF8.GetBytes(config));
        Assert.Equal(102, tokenizer.BosTokenId);
        Assert.Equal(103, tokenizer.VocabularySize);
        Assert.True(tokenizer.IsSpecial(102));
        Assert.True(tokenizer.EosTokenId is { } eos && tokenizer.IsSpecial(eos));
        Assert.Equal(string.Empty, tokenizer.IdToToken(101));
        Assert.Equal([102], tokenizer.EncodeToIds("<s>", addSpecialTokens: true));
    }

    [Theory]
    [InlineData("""{"bos_token":"<s>","eos_token":"b","add_bos_token":true,"add_eos_token":true}""", true, true)]
    [InlineData("""{"bos_token":"<s>","eos_token":"b","tokenizer_class":"LlamaTokenizer"}""", true, false)]
    [InlineData("""{"bos_token":"<s>","eos_token":"b","tokenizer_class":"LlamaTokenizerFast","add_bos_token":false}""", false, false)]
    [InlineData("""{"bos_token":"<s>","eos_token":"b","tokenizer_class":"GPT2Tokenizer"}""", false, false)]
    public void EncodeToIds_WithoutPostProcessor_AddsWhatTheConfigSays(string config, bool bos, bool eos)
    {
        var tokenizer = Tokenizer.Parse(Encoding.UTF8.GetBytes(Json("""{"id":100,"content":"<s>","special":true}""", "null")), Encoding.UTF8.GetBytes(config));
        var text = tokenizer.EncodeToIds("a", addSpecialTokens: false);
        int[] expected = [.. bos ? [100] : Array.Empty<int>(), .. text, .. eos ? [tokenizer.EosTokenId!.Value] : Array.Empty<int>()];
        Assert.Equal(expected, tokenizer.EncodeToIds("a", addSpecialTokens: true));
    }

    private static Tokenizer Build(string added, string normalizer = "null") => Tokenizer.Parse(Encoding.UTF8.GetBytes(Json(added, normalizer)));

    private static string Json(string added, string normalizer) =>
        $$$"""{"added_tokens":[{{{added}}}],"normalizer":{{{normalizer}}},"model":{"type":"BPE","merges":[],"vocab":{"a":0,"b":1,"t":2,"<":3,">":4," ":5,".":6} } }""";

    private static string Show(Tokenizer tokenizer, string text) =>
        string.Join(',', tokenizer.EncodeToIds(text, addSpecialTokens: false).Select(id => id < 100 ? tokenizer.IdToToken(id) : id.ToString()));
}
