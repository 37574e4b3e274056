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

    [Theory]
    [InlineData(22, new[] { 16, 5, 1 })]
    [InlineData(37, new[] { 16, 5, 16 })]
    [InlineData(40, new[] { 16, 5, 16, 3 })]
    public void Write_BehindASplicedHead_KeepsItsLengthsAndFillsItsOwn(int tokens, int[] lengths)
    {
        var table = Spliced();
        Assert.Equal((4, 2, 21, 53), (table.Count, table.HeadCount, table.HeadTokens, table.TokenCapacity));
        var entries = new PageEntry[4];
        var count = table.Write(tokens, entries);
        Assert.Equal(count, table.EntriesFor(tokens));
        Assert.Equal(lengths, entries[..count].Select(entry => entry.ValidLength));
        Assert.Equal(Enumerable.Range(10, count), entries[..count].Select(entry => entry.Page.Value));
    }

    [Fact]
    public void RemoveLast_ToTheHeadsFirst_ForgetsItsTokens()
    {
        var table = Spliced();
        Assert.Equal([13, 12, 11], Enumerable.Range(0, 3).Select(_ => table.RemoveLast().Value));
        Assert.Equal((1, 1, 16, 16), (table.Count, table.HeadCount, table.HeadTokens, table.TokenCapacity));
        table.RemoveLast();
        Assert.Equal((0, 0, 0), (table.Count, table.HeadTokens, table.TokenCapacity));
    }

    [Fact]
    public void Take_EntriesOfAnother_AreInTheHeadWhereTheyWere()
    {
        var table = new PageTable(own: 2, head: 2);
        for (var i = 0; i < 3; i++)
        {
            table.Take(Spliced(), i);
        }

        Assert.Equal((3, 2, 21), (table.Count, table.HeadCount, table.HeadTokens));
        Assert.Throws<InvalidOperationException>(() => table.Splice(new PageId(1), 16));
    }

    private static PageTable Spliced()
    {
        var table = new PageTable(own: 2, head: 2);
        table.Splice(new PageId(10), 16);
        table.Splice(new PageId(11), 5);
        table.Add(new PageId(12));
        table.Add(new PageId(13));
        return table;
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
