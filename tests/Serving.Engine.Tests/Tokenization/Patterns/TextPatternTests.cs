using System.Globalization;
using System.Text.Json;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Format;
using Serving.Engine.Tokenization.Patterns;

namespace Serving.Engine.Tests.Tokenization.Patterns;

public sealed class TextPatternTests
{
    [Theory]
    [InlineData(@"\p{L}+", "a𐐀b 1", "a𐐀b")]
    [InlineData(@"[^\s\p{L}]", "a🙂b", "🙂")]
    [InlineData(@".", "🙂", "🙂")]
    [InlineData(@"a++b", "aab", "aab")]
    [InlineData(@"a++ab", "aab", null)]
    [InlineData(@"\p{N}{1,2}+", "12345", "12345")]
    [InlineData(@"(?i:'s)", "'ſ", "'ſ")]
    [InlineData(@"(?i:[sd])x", "ſx", "ſx")]
    [InlineData(@"(?:x(?i)k)|y", "xK", "xK")]
    [InlineData(@"[\p{Han}]+", "ab漢字𠀀か", "漢字𠀀")]
    [InlineData(@"[\p{L}&&[^\p{Han}]]+", "漢字ab漢", "ab")]
    [InlineData(@"\h+", "xyzBEEF", "BEEF")]
    [InlineData(@"[]a]+", "x]a", "]a")]
    [InlineData(@"\x{41}\u0042\x43", "ABC", "ABC")]
    [InlineData(@"a{,2}b", "aaab", "aab")]
    [InlineData(@"a{x", "a{x", "a{x")]
    [InlineData(@"^b$", "a\nb\nc", "b")]
    [InlineData(@"(?<word>\w+)(?#note)!", "é\u0301_1!", "é\u0301_1!")]
    [InlineData(@"(?m:a.b)", "a\nb", "a\nb")]
    [InlineData(@"\R", "a\r\nb", "\r\n")]
    [InlineData(@"[^\W\d]+", "12ab_", "ab_")]
    [InlineData(@"[\-\]\[]+", "a-][", "-][")]
    [InlineData(@"[a𐐀-𐑏]+", "b𐐀a𐐁𐒀", "𐐀a𐐁")]
    [InlineData(@"[^𐐀-𐑏]+", "𐐀𐒀b", "𐒀b")]
    [InlineData(@"🙂+", "🙃🙂🙂", "🙂🙂")]
    [InlineData(@"\x{1F642}", "🙃🙂", "🙂")]
    [InlineData(@"[一-\x{2FFFF}]+", "a漢𠀀🙂b", "漢𠀀🙂")]
    [InlineData(@"[\p{So}&&[^😀]]", "😀🙂", "🙂")]
    public void Find_OnigurumaSyntax_FindsWhatOnigurumaFinds(string pattern, string text, string? expected)
    {
        var subject = Read(pattern);
        var start = subject.Find(text, subject.Prepare(text), 0, out var length);
        Assert.Equal(expected, start < 0 ? null : text.Substring(start, length));
    }

    [Theory]
    [InlineData("(")]
    [InlineData("a)")]
    [InlineData("*a")]
    [InlineData("[a")]
    [InlineData(@"\1")]
    [InlineData(@"\k<a>")]
    [InlineData(@"\p{Thai}")]
    [InlineData(@"\X")]
    [InlineData("(?x:a)")]
    [InlineData("(?(1)a)")]
    [InlineData("[a[bc]]")]
    [InlineData("🙂|🙃")]
    [InlineData(@"[\x{10000}-\x{10010}]|[\x{10020}]")]
    [InlineData(@"\x{D800}")]
    [InlineData("[z-a]")]
    [InlineData(@"a\")]
    public void Read_WhatHasNoEquivalent_IsRefusedByName(string pattern) =>
        Assert.Contains(pattern, Assert.Throws<TokenizerFormatException>(() => Read(pattern)).Message, StringComparison.Ordinal);

    private static TextPattern Read(string pattern, TimeSpan? timeout = null)
    {
        using var json = JsonDocument.Parse(JsonSerializer.Serialize(new { Regex = pattern }));
        return TextPattern.Read(new JsonView(json.RootElement, "test"), timeout);
    }

    [Fact]
    public void Find_ExpressionThatBacktracksForever_IsReported()
    {
        var subject = Read("(?:a|aa)+(?:a|aa)+(?:a|aa)+b", TimeSpan.FromMilliseconds(20));
        var text = new string('a', 200);
        var fault = Assert.Throws<TokenizerFormatException>(() => subject.Find(text, null, 0, out _));
        Assert.Contains("too long", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void StandIns_EveryCategory_AreOfTheirCategory()
    {
        foreach (var set in new[] { ScalarText.StandIns, ScalarText.NamedStandIns })
        {
            // No scalar is a surrogate, so that category's place is empty.
            Assert.Equal((int)UnicodeCategory.OtherNotAssigned + 1, set.Length);
            Assert.All(set.Index(), entry => Assert.True((int)char.GetUnicodeCategory(entry.Item) == entry.Index || entry.Index == (int)UnicodeCategory.Surrogate));
        }
    }
}
