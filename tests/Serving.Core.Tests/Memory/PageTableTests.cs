using Serving.Core.Memory;

namespace Serving.Core.Tests.Memory;

public sealed class PageTableTests
{
    [Theory]
    [InlineData(1, new[] { 1 })]
    [InlineData(16, new[] { 16 })]
    [InlineData(17, new[] { 16, 1 })]
    [InlineData(48, new[] { 16, 16, 16 })]
    public void Write_SomeTokens_FillsAllButTheLastEntry(int tokens, int[] lengths)
    {
        var table = new PageTable(3);
        for (var i = 0; i < 3; i++)
        {
            table.Add(new PageId(10 + i));
        }

        var entries = new PageEntry[3];
        var count = table.Write(tokens, entries);
        Assert.Equal(lengths, entries[..count].Select(entry => entry.ValidLength));
        Assert.Equal(Enumerable.Range(10, count), entries[..count].Select(entry => entry.Page.Value));
    }

    [Fact]
    public void RemoveLast_TwoPages_GivesThemInReverse()
    {
        var table = new PageTable(2);
        table.Add(new PageId(1));
        table.Add(new PageId(2));
        Assert.Equal(32, table.TokenCapacity);
        Assert.Equal(new PageId(2), table.RemoveLast());
        table[0] = new PageId(7);
        Assert.Equal([new PageId(7)], table.Pages.ToArray());
    }
}
