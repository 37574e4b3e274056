using System.Text.RegularExpressions;
using System.Xml.Linq;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.House;

/// <summary>The rules of the house that can be read off its files.</summary>
public sealed partial class HouseTests
{
    private const int LongestFile = 500;

    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Serving.Core"] = [],
        ["Serving.Compute"] = [],
        ["Serving.Protocol"] = [],
        ["Serving.Engine"] = ["Serving.Core", "Serving.Compute"],
        ["Serving.Server"] = ["Serving.Engine", "Serving.Protocol"],
    };

    public static TheoryData<string> Assemblies() => [.. Allowed.Keys];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void ProjectReferences_OfAnAssembly_RunOneWay(string assembly)
    {
        var project = XDocument.Load(Repository.PathOf("src", assembly, assembly + ".csproj"));
        var references = project.Descendants("ProjectReference").Select(item => Path.GetFileNameWithoutExtension(item.Attribute("Include")!.Value));
        Assert.Empty(references.Except(Allowed[assembly]));
    }

    [Fact]
    public void UnsafeCode_OutsideCompute_IsNotAllowed()
    {
        var projects = Directory.EnumerateFiles(Repository.PathOf("src"), "*.csproj", SearchOption.AllDirectories);
        var unsafeProjects = projects.Where(path => File.ReadAllText(path).Contains("<AllowUnsafeBlocks>true")).Select(Path.GetFileNameWithoutExtension);
        Assert.Equal(["Serving.Compute"], unsafeProjects);
    }

    [Fact]
    public void TopLevel_HoldsOnlyWhatTheLayoutNames()
    {
        string[] named =
        [
            "src", "tests", "loadtests", "native", "deploy", "config", "Serving.sln", "Dockerfile", "docker-compose.yml", "README.md", "global.json",
            "LICENSE", "Directory.Build.props", "Directory.Packages.props", "artifacts",
        ];
        var present = Directory.EnumerateFileSystemEntries(Repository.Root).Select(Path.GetFileName).Where(name => !name!.StartsWith('.'));
        Assert.Empty(present.Except(named));
    }

    [Fact]
    public void SourceFiles_AreShortAndFinished()
    {
        var wrong = new List<string>();
        foreach (var path in SourceFiles())
        {
            var lines = File.ReadAllLines(path);
            if (lines.Length > LongestFile)
            {
                wrong.Add($"{path}: {lines.Length} lines");
            }

            wrong.AddRange(lines.Where(line => Unfinished().IsMatch(line)).Select(line => $"{path}: {line.Trim()}"));
        }

        Assert.Empty(wrong);
    }

    private static IEnumerable<string> SourceFiles() =>
        from folder in new[] { "src", "native" }
        from path in Directory.EnumerateFiles(Repository.PathOf(folder), "*", SearchOption.AllDirectories)
        let parts = path.Split(Path.DirectorySeparatorChar)
        where !parts.Contains("bin") && !parts.Contains("obj") && !parts.Contains("build")
        where Path.GetExtension(path) is ".cs" or ".cpp" or ".h"
        select path;

    [GeneratedRegex("""NotImplementedException|\bTODO\b|\bFIXME\b|\bHACK\b""")]
    private static partial Regex Unfinished();
}
