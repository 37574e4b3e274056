using Serving.Server.Metering;
using Serving.Testing;

namespace Serving.Server.Tests.Metering;

public sealed class UsageFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Path => _folder.PathOf("usage.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Append_ToTheSize_RenamesCountingUpAndKeepsTheNewest()
    {
        File.WriteAllText(_folder.PathOf("usage.jsonl.old"), "not one of them");
        var line = Records.Line(Records.New());
        using (var file = new UsageFile(Path, maxSize: 2 * line.Length, maxFiles: 3))
        {
            for (var i = 0; i < 15; i++)
            {
                file.Append(line);
            }
        }

        Assert.Equal(["usage.jsonl", "usage.jsonl.5", "usage.jsonl.6", "usage.jsonl.7", "usage.jsonl.old"], Names());
        Assert.Equal([1, 2, 2, 2], new[] { Path, Path + ".5", Path + ".6", Path + ".7" }.Select(path => Records.Read(path).Records.Count));
    }

    [Fact]
    public void Append_WithoutSize_GoesOnInTheFileThatIsThere()
    {
        for (var i = 0; i < 3; i++)
        {
            using var file = new UsageFile(Path, 0, 0);
            file.Append(Records.Line(Records.New($"r{i}")));
        }

        Assert.Equal(["r0", "r1", "r2"], Records.Read(Path).Records.Select(record => record.Id));
    }

    [Fact]
    public void Append_LastLineWasCutShort_SpoilsThatOneOnly()
    {
        File.WriteAllBytes(Path, [.. Records.Line(Records.New("whole")), .. Records.Line(Records.New("cut"))[..^20]]);
        using (var file = new UsageFile(Path, 0, 0))
        {
            file.Append(Records.Line(Records.New("next")));
        }

        var (records, malformed) = Records.Read(Path);
        Assert.Equal(["whole", "next"], records.Select(record => record.Id));
        Assert.Equal(1, malformed);
    }

    [Fact]
    public void Close_RenamedMeanwhile_GoesOnInANewFile()
    {
        using var file = new UsageFile(Path, 0, 0);
        file.Append(Records.Line(Records.New("first")));
        File.Move(Path, Path + ".moved");
        file.Append(Records.Line(Records.New("second")));
        file.Close();
        file.Append(Records.Line(Records.New("third")));

        Assert.Equal(["first", "second"], Records.Read(Path + ".moved").Records.Select(record => record.Id));
        Assert.Equal(["third"], Records.Read(Path).Records.Select(record => record.Id));
    }

    [Fact]
    public void Append_DiskFull_ThrowsAndTriesAnew()
    {
        Repository.RequiresHardware(File.Exists("/dev/full"), "there is no /dev/full");
        File.CreateSymbolicLink(Path, "/dev/full");
        using var file = new UsageFile(Path, 0, 0);
        Assert.ThrowsAny<IOException>(() => file.Append(Records.Line(Records.New())));
        Assert.ThrowsAny<IOException>(() => file.Append(Records.Line(Records.New())));
    }

    [Fact]
    public void Append_FileOfAnotherDaemon_Throws()
    {
        using var first = new UsageFile(Path, 0, 0);
        first.Append(Records.Line(Records.New()));
        using var second = new UsageFile(Path, 0, 0);
        Assert.ThrowsAny<IOException>(() => second.Append(Records.Line(Records.New())));
    }

    private IEnumerable<string> Names() => Directory.EnumerateFiles(System.IO.Path.GetDirectoryName(Path)!, "usage*").Select(path => System.IO.Path.GetFileName(path)).Order(StringComparer.Ordinal);
}
