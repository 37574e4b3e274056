using Serving.Engine.PromptModules.Compiling;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Registry;
using Serving.Engine.Tokenization;
using Serving.Testing;

namespace Serving.Engine.Tests.PromptModules;

public sealed class SchemaStoreTests
{
    private static readonly SchemaCompiler Compiler = new(Tokenizer.Load(Repository.DemoModel), renderer: null, 2048);

    private readonly ManualClock _time = new();
    private readonly List<string> _events = [];
    private readonly SchemaStore _store;

    public SchemaStoreTests() => _store = new SchemaStore(new SchemaStoreOptions(MaxSchemas: 3, MaxOwnerSize: 40_000, MaxSize: 60_000), _time)
    {
        Removed = schema => _events.Add($"-{schema.Owner}/{schema.Name}"),
    };

    [Fact]
    public void Find_OwnAndPublicOfOneName_OwnGoesFirst()
    {
        Put("a", null);
        var own = Put("a", "one");
        Assert.Same(own, _store.Find("one", "a"));
        Assert.Null(_store.Find("two", "a")!.Owner);
        Assert.Single(_store.List("one"));
        _store.Remove("one", "a");
        Assert.Null(_store.Find("one", "a")!.Owner);
        Assert.Null(_store.Remove("one", "a"));
        Assert.Equal(["-one/a"], _events);
    }

    [Fact]
    public void Put_SameName_Replaces()
    {
        Put("a", "one");
        var second = Put("a", "one");
        Assert.Same(second, _store.Find("one", "a"));
        Assert.Equal(1, _store.Count);
        Assert.Equal(["-one/a"], _events);
    }

    [Fact]
    public void Put_BeyondALimit_IsRefusedAndChangesNothing()
    {
        foreach (var name in new[] { "a", "b", "c" })
        {
            Put(name, "one");
        }

        Assert.Contains("3 prompt schemas", _store.Put(Schema("d", "one", 1))!.Message, StringComparison.Ordinal);
        Assert.Null(_store.Put(Schema("c", "one", 20_000)));
        Assert.Contains("40000 characters", _store.Put(Schema("c", "one", 33_000))!.Message, StringComparison.Ordinal);
        Assert.Null(_store.Put(Schema("a", "two", 30_000)));
        Assert.Contains("no more", _store.Put(Schema("a", "three", 5000))!.Message, StringComparison.Ordinal);
        _store.Remove("two", "a");
        Assert.Null(_store.Put(Schema("a", "three", 5000)));
        Assert.Equal(4, _store.Count);
    }

    [Fact]
    public void Find_TimeToLiveOver_IsGone()
    {
        Put("a", "one", TimeSpan.FromSeconds(10));
        Put("b", "one", TimeSpan.FromSeconds(20));
        Put("c", "one");
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.NotNull(_store.Find("one", "a"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(_store.Find("one", "a"));
        Assert.NotNull(_store.Find("one", "b"));
        _time.Advance(TimeSpan.FromDays(1000));
        Assert.Equal("c", Assert.Single(_store.List("one")).Name);
        Assert.Equal(["-one/a", "-one/b"], _events);
    }

    [Fact]
    public void Read_Folder_TakesWhatIsGoodAndReportsWhatIsNot()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.PathOf("one"));
        File.WriteAllText(folder.PathOf("a.pml"), "<schema name='a'>x</schema>");
        File.WriteAllText(folder.PathOf("b.json"), "\uFEFF{\"name\": \"b\", \"content\": \"x\"}");
        File.WriteAllText(folder.PathOf("c.pml"), "<schema name='c'>\n<x/></schema>");
        File.WriteAllText(folder.PathOf("notes.txt"), "nothing");
        File.WriteAllText(folder.PathOf("one", "d.pml"), "<schema name='d'>x</schema>");
        var files = SchemaFolder.Read(folder.Path).ToList();

        Assert.Equal(["a.pml", "b.json", "c.pml", Path.Combine("one", "d.pml")], files.Select(file => file.File));
        Assert.Equal(["a", "b", null, "d"], files.Select(file => file.Schema?.Name));
        Assert.Equal([null, null, null, "one"], files.Select(file => file.Owner));
        Assert.StartsWith("line 2, column 2:", files[2].Error, StringComparison.Ordinal);
    }

    private static StoredSchema Schema(string name, string? owner, long length, DateTimeOffset created = default, TimeSpan? life = null) => new()
    {
        Compiled = Compiler.Compile(PmlSchemaReader.Read($"<schema name='{name}'>x</schema>")),
        Owner = owner,
        Created = created,
        ExpiresAt = created + life,
        SourceLength = length,
    };

    private StoredSchema Put(string name, string? owner, TimeSpan? life = null)
    {
        var schema = Schema(name, owner, 100, _time.GetUtcNow(), life);
        Assert.Null(_store.Put(schema));
        return schema;
    }

    private sealed class ManualClock : TimeProvider
    {
        private DateTimeOffset _now = DateTimeOffset.UnixEpoch;

        public void Advance(TimeSpan time) => _now += time;

        public override DateTimeOffset GetUtcNow() => _now;
    }
}
