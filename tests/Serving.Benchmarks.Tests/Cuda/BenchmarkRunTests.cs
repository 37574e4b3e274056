using System.Text.Json;
using Serving.Benchmarks.Cuda;
using Serving.Testing;

namespace Serving.Benchmarks.Tests.Cuda;

/// <summary>In which order rows are measured, and what a run that is cut off leaves behind.</summary>
public sealed class BenchmarkRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _done = [];
    private int _left = int.MaxValue;

    private string FilePath => Path.Combine(_folder.Path, "benchmark.json");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Run_NoFilter_KeepsTheGivenOrderAndSetUpsOnce()
    {
        var (rows, missing) = Run(null, Group("a", "a.1", "a.2"), Group("b", "b.1"));
        Assert.Equal(["set up a", "a.1", "a.2", "dispose a", "set up b", "b.1", "dispose b"], _done);
        Assert.Equal(["a.1", "a.2", "b.1"], rows);
        Assert.Empty(missing);
    }

    [Fact]
    public void Run_Filter_OrdersGroupsAndRowsByTheFirstPatternThatWantsThem()
    {
        var (rows, missing) = Run("b.*,a.2,a.1", Group("a", "a.1", "a.2", "a.3"), Group("b", "b.1"), Group("c", "c.1"));
        Assert.Equal(["set up b", "b.1", "dispose b", "set up a", "a.2", "a.1", "dispose a"], _done);
        Assert.Equal(["b.1", "a.2", "a.1"], rows);
        Assert.Empty(missing);
    }

    [Fact]
    public void Run_PatternOfNoRow_IsRefusedByName()
    {
        var refusal = Assert.Throws<ArgumentException>(() => Run("a.*,a.33", Group("a", "a.1")));
        Assert.Contains("a.33", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(_done);
    }

    [Fact]
    public void Run_TimeIsUp_NamesWhatDidNotRun()
    {
        _left = 1;
        var (rows, missing) = Run(null, Group("a", "a.1", "a.2"), Group("b", "b.1"));
        Assert.Equal(["set up a", "a.1", "dispose a"], _done);
        Assert.Equal(["a.1"], rows);
        Assert.Equal([("a.2", "not reached"), ("b.1", "not reached")], missing);
    }

    [Fact]
    public void Run_GroupFails_TheNextGroupRunsAndTheReasonStands()
    {
        var (rows, missing) = Run(null, Group("a", "a.1", "fails", "a.3"), Group("b", "b.1"));
        Assert.Equal(["a.1", "b.1"], rows);
        Assert.Equal([("fails", "broken"), ("a.3", "broken")], missing);
        Assert.Contains("dispose a", _done);
    }

    /// <summary>Rows whose number is the device's choice are named by a pattern, and where there is none at all the report says so.</summary>
    [Fact]
    public void Run_PatternKey_IsAbsentWhereNoRowCame()
    {
        var (rows, missing) = Run(
            null,
            new TestGroup(this, "a", [new(["some.*"], () => [Row("some.1"), Row("some.2")]), new(["none.*"], () => [])]));
        Assert.Equal(["some.1", "some.2"], rows);
        Assert.Empty(missing);
        Assert.Equal("none.*", Assert.Single(Read().GetProperty("absent").EnumerateArray()).GetString());
    }

    [Fact]
    public void Add_SameKeyAgain_TakesTheFirstOnesPlace()
    {
        var (rows, missing) = Run(null, new TestGroup(this, "a", [new(["a.1"], () => [Row("a.1", 1), Row("a.1", 2)])]));
        Assert.Equal(["a.1"], rows);
        Assert.Empty(missing);
        Assert.Equal(2, Read().GetProperty("rows")[0].GetProperty("figure").GetDouble());
    }

    /// <summary>Whoever is killed within a measurement leaves a whole file that names all that is still to come.</summary>
    [Fact]
    public void File_WithinAMeasurement_HasTheRowsSoFarAndNamesTheRest()
    {
        JsonElement? seen = null;
        Run(null, new TestGroup(this, "a", [new(["a.1"], () => [Row("a.1")]), new(["a.2"], () => Look()), new(["a.3"], () => [Row("a.3")])]));
        Assert.Equal(["a.1"], Keys(seen!.Value, "rows"));
        Assert.Equal(["a.2", "a.3"], Keys(seen!.Value, "notRun"));
        Assert.Equal(["a"], seen!.Value.GetProperty("setUps").EnumerateArray().Select(setUp => setUp.GetProperty("name").GetString()));
        Assert.Equal([FilePath], Directory.GetFiles(_folder.Path));

        IEnumerable<BenchmarkRow> Look()
        {
            seen = Read();
            yield return Row("a.2");
        }
    }

    private static BenchmarkRow Row(string key, double figure = 1) => new(key, key, figure, "x", null, "none");

    private static string[] Keys(JsonElement report, string list) => [.. report.GetProperty(list).EnumerateArray().Select(row => row.GetProperty("key").GetString()!)];

    private JsonElement Read() => JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(FilePath));

    private (string[] Rows, (string Key, string Reason)[] Missing) Run(string? filter, params MeasurementGroup[] groups)
    {
        var report = new BenchmarkReport("device", "shape", isEmulated: false, TextWriter.Null, FilePath);
        _ = new BenchmarkRun(report, () => _left <= 0).Run(new RowFilter(filter).Pick(groups));
        var file = Read();
        return (Keys(file, "rows"), [.. file.GetProperty("notRun").EnumerateArray().Select(row => (row.GetProperty("key").GetString()!, row.GetProperty("reason").GetString()!))]);
    }

    /// <summary>A measurement for each key; one that is called "fails" does.</summary>
    private TestGroup Group(string name, params string[] keys) => new(this, name, [.. keys.Select(key => new Measurement([key], () => Measure(key)))]);

    private IEnumerable<BenchmarkRow> Measure(string key)
    {
        if (key == "fails")
        {
            throw new InvalidOperationException("broken");
        }

        _done.Add(key);
        _left--;
        yield return Row(key);
    }

    private sealed class TestGroup(BenchmarkRunTests tests, string name, IReadOnlyList<Measurement> measurements) : MeasurementGroup
    {
        public override string Name => name;

        public override IReadOnlyList<Measurement> Measurements => measurements;

        public override void SetUp() => tests._done.Add($"set up {name}");

        public override void Dispose() => tests._done.Add($"dispose {name}");
    }
}
