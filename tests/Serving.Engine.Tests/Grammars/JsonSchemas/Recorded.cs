using Serving.Testing;
using Xunit;

namespace Serving.Engine.Tests.Grammars.JsonSchemas;

/// <summary>Outcomes that are kept in a file of the repository, so that a change of any of them is seen and meant. SERVING_RECORD=1 writes them anew.</summary>
internal static class Recorded
{
    public static void Check(string file, IReadOnlyList<string> lines)
    {
        var path = Repository.PathOf("tests", "Serving.Engine.Tests", file);
        string[] actual = [.. lines.Select(line => line.Replace('\n', ' ').Replace('\r', ' '))];
        if (Environment.GetEnvironmentVariable("SERVING_RECORD") == "1")
        {
            File.WriteAllLines(path, actual);
        }

        Assert.Equal(File.ReadAllLines(path), actual);
    }
}
